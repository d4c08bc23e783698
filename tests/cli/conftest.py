"""The command line on one embedded store; it stays up between commands, as with a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.store.connect import Store, open_store
from cli.main import app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli-home")


@pytest.fixture(scope="session")
def store(home: Path) -> Iterator[Store]:
    opened = open_store(None, home)
    yield opened
    opened.close()


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ALPHASHIELD_")}
    return {**kept, "ALPHASHIELD_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@pytest.fixture
def run(
    store: Store,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Outcome]:
    """Run a command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, **variables: str) -> Outcome:
        result = CliRunner().invoke(app, list(words), env={**environment, **variables})
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def start(
    store: Store, environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def call(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
