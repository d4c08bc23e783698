"""The image, the services and the workflow name only what exists; no container engine needed."""

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from config.settings import Settings, variable_of
from tests.house.documents import unknown_command
from tests.house.rooms import ROOMS

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SCHEMA = json.loads((Path(__file__).parent / "compose_spec.json").read_text(encoding="utf-8"))
VARIABLES = {variable_of(field) for field in Settings.model_fields}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_compose_file_keeps_to_the_specification():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(COMPOSE, SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"api": {"image": "a", "comand": ["x"]}}},
        {"services": {"api": {"command": ["x"]}}},
        {"services": {"api": {"image": "a", "healthcheck": {"test": "CMD true"}}}},
        {"services": {"api": {"image": "a", "ports": ["8000"]}}},
        {"service": {}},
    ],
)
def test_a_compose_file_with_a_mistake_is_noticed(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


def test_mongo_api_worker_and_the_six_servers_are_there():
    servers = {service["command"][3] for name, service in OURS.items() if name.startswith("mcp-")}
    assert servers == {"prices", "search", "trading", "memory", "quantum", "lending"}
    assert set(SERVICES) == {"mongo", "api", "worker"} | {f"mcp-{name}" for name in servers}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_of_a_service_exists(name):
    command = OURS[name]["command"]
    assert unknown_command(" ".join(command), set()) is None
    if command[0] == "python":
        assert find_spec(f"{command[2]}.__main__") is not None


def test_the_servers_take_the_options_that_the_services_give_them():
    answer = subprocess.run(
        [sys.executable, "-m", "mcp_servers", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for option in ("--transport", "--host", "--port"):
        assert option in answer.stdout


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_volume_and_dependency_of_a_service_is_declared(name):
    service = SERVICES[name]
    assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
    for other in service.get("depends_on", {}):
        assert "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"worker"}))
def test_every_listener_is_checked_on_the_port_it_listens_on(name):
    check = SERVICES[name]["healthcheck"]["test"]
    if "-c" in check:
        port = SERVICES[name]["command"][-1]
        assert SERVICES[name]["ports"][0].endswith(f":{port}")
        assert port in check[-1]
        ast.parse(check[-1])


def test_nothing_is_published_beyond_loopback_and_no_port_twice():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.rsplit(":", 1)[1] for port in ports}) == len(ports)


def test_services_and_image_set_only_variables_that_are_settings():
    given = {name for service in OURS.values() for name in service["environment"]}
    given |= set(re.findall(r"\b(ALPHASHIELD_\w+)=", DOCKERFILE))
    assert given <= VARIABLES


def test_the_example_environment_names_every_setting_and_no_other():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    substituted = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert named == VARIABLES | {"MONGODB_PASSWORD"}
    assert substituted <= named


def test_the_example_environment_shows_the_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    defaults = Settings()
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    (tmp_path / ".env").write_text(re.sub(r"^# (?=[A-Z_]+=)", "", text, flags=re.MULTILINE))
    shown = Settings()
    assert shown == defaults
    assert "alpaca_paper" in shown.model_fields_set


def test_the_image_copies_what_exists_and_every_room_and_the_ignore_file_lets_it_in():
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert set(ROOMS) <= copied
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert {source.split("/")[0] for source in copied} == let_in


def test_the_image_runs_without_root_a_command_that_exists():
    command = json.loads(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[-1])
    assert unknown_command(" ".join(command), set()) is None
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["alphashield"]


def test_the_workflow_calls_the_doors_of_the_house():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    runs = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert ".ci/run" in runs
    assert "make test" in (ROOT / ".ci/run").read_text()
    for command in runs:
        assert unknown_command(command, targets) is None
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "MONGODB_URI" in workflow["jobs"]["mongod"]["env"]
