"""`serve`: API and worker together, keys, and where it refuses to listen."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import Outcome

Run = Callable[..., Outcome]
BODY = {
    "models": ["baseline:buy-and-hold"],
    "start_date": "2020-01-02",
    "end_date": "2020-01-10",
    "universe": ["AAPL", "KO"],
}


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if "json" in answer.headers[
        "Content-Type"
    ] else content


def test_serve_runs_a_posted_job_to_its_report_and_drains_on_sigterm(
    start: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    process = start("serve", "--port", str(port), "--json")
    assert process.stdout is not None
    said = "".join(iter(process.stdout.readline, "}\n")) + "}"
    assert json.loads(said) == {"url": f"http://127.0.0.1:{port}/", "keys_needed": False}
    status, job = call(port, "POST", "/api/v1/jobs", BODY)
    assert status == 202
    address = f"/api/v1/jobs/{job['job_id']}"
    assert start("jobs", "watch", job["job_id"]).wait(60) == 0
    assert call(port, "GET", address)[1]["state"] == "completed"
    assert call(port, "GET", f"{address}/report")[1].startswith(b"<!doctype html>")
    assert call(port, "GET", f"{address}/results")[1]["jobs"][0]["runs"][0]["state"] == "completed"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_api_and_worker_do_not_outlive_a_killed_serve(
    start: Callable[..., subprocess.Popen[str]], port: int
) -> None:
    process = start("serve", "--port", str(port), "--json")
    assert process.stdout is not None
    assert process.stdout.readline() == "{\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_a_tool_server_over_http_ends_with_0_on_sigterm(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start("mcp", "serve", "prices", "--transport", "http", "--port", "0")
    assert process.stderr is not None
    assert "prices serves at http://127.0.0.1:" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert process.stderr.read() == ""


def test_a_port_in_use_is_unavailable(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        refused = run("serve", "--port", str(taken))
    assert refused.code == 4
    assert refused.err == f"alphashield: port {taken} is in use: choose another with --port\n"


# The last of this room's tests: from the first key on, this home asks for one.
def test_keys_are_made_listed_and_revoked_and_open_the_way_beyond_loopback(run: Run) -> None:
    refused = run("serve", "--host", "0.0.0.0")
    assert refused.code == 3
    assert "alphashield keys create" in refused.err
    made = run("keys", "create", "--name", "ops", "--role", "read_only", "--json").json
    assert made["secret"].startswith(f"ask_{made['key']['key_id']}_")
    listed = run("keys", "list").out
    assert made["key"]["key_id"] in listed
    assert made["secret"] not in listed
    assert run("keys", "create", "--name", "x", "--role", "king").code == 2
    revoked = run("keys", "revoke", made["key"]["key_id"], "--json").json
    assert revoked["revoked_at"]
    assert run("keys", "revoke", "nosuchkey0").code == 2


def test_simulate_beside_a_running_worker_writes_its_files_whoever_runs_the_job(
    start: Callable[..., subprocess.Popen[str]], run: Run, tmp_path: Path
) -> None:
    worker = start("worker")
    for seed in range(3):
        done = run(
            *("simulate", "--models", "baseline:equal-weight", "--universe", "AAPL,KO"),
            *("--start", "2020-01-02", "--end", "2020-02-28", "--seed", str(seed)),
            *("--out", f"beside-{seed}", "--json"),
        )
        assert done.code == 0, done.err
        assert (tmp_path / f"beside-{seed}" / "results.json").exists()
    worker.terminate()
    assert worker.wait(60) == 0
