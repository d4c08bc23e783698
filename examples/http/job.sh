#!/usr/bin/env bash
# One job over HTTP, from the request to the report. In another terminal: `alphashield serve`.
# Needs bash, curl and python3 (to read JSON). ALPHASHIELD_KEY is sent where a key is needed.
set -euo pipefail
api=${1:-http://127.0.0.1:8000}/api/v1
key=(${ALPHASHIELD_KEY:+-H "Authorization: Bearer $ALPHASHIELD_KEY"})
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

job=$(curl -sS --fail-with-body "${key[@]}" "$api/jobs" \
  -H 'Content-Type: application/json' \
  -H "Idempotency-Key: example-$(date +%s)" \
  -d @"$(dirname "$0")/request.json" | field job_id)
echo "job $job"

state=queued
while [[ $state == queued || $state == running ]]; do
  sleep 1
  state=$(curl -sS --fail-with-body "${key[@]}" "$api/jobs/$job" | field state)
  echo "$state"
done

curl -sS --fail-with-body "${key[@]}" "$api/jobs/$job/report" -o "$job.html"
curl -sS --fail-with-body "${key[@]}" "$api/jobs/$job/files/equity.csv" -o "$job.csv"
echo "$job.html and $job.csv"
