"""The import contracts hold, and each of them can break."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rooms import ROOMS

ROOT = Path(__file__).parents[2]
LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]

ROOTS = {
    "orchestrator/worker.py": "import adapters.wiring, config.settings, mcp_servers.prices\n",
    "api/app.py": "import adapters.wiring, config.settings, orchestrator.worker\n",
    "cli/main.py": "import adapters.wiring, config.settings, orchestrator.worker\n",
    "mcp_servers/__main__.py": "import adapters.wiring, config.settings\n",
    "mcp_servers/prices.py": "import quant, trading, lending, interfaces\n",
    "adapters/wiring.py": "import config.settings\n",
    "adapters/store/checkpoints.py": "from langgraph.checkpoint.mongodb import MongoDBSaver\n",
    "adapters/sampler/annealing.py": "import dimod\n",
    "config/settings.py": "import pydantic_settings\n",
}
OFFENCES = {
    "layers": ("schemas/a.py", "import trading"),
    "interfaces imports": ("interfaces/a.py", "import quant"),
    "quant imports": ("quant/a.py", "import interfaces"),
    "lending imports": ("lending/a.py", "import quant"),
    "config imports": ("config/a.py", "import interfaces"),
    "trading imports": ("trading/a.py", "import lending"),
    "adapters imports": ("adapters/a.py", "import config.settings"),
    "agents imports": ("agents/a.py", "import trading"),
    "mcp_servers imports": ("mcp_servers/a.py", "import adapters.wiring"),
    "orchestrator imports": ("orchestrator/a.py", "import adapters.wiring"),
    "api imports": ("api/a.py", "import mcp_servers.prices"),
    "cli imports": ("cli/a.py", "import trading"),
    "PyMongo": ("orchestrator/b.py", "import pymongo"),
    "LangGraph": ("adapters/b.py", "import langgraph.graph"),
    "MCP lives": ("agents/b.py", "import mcp"),
    "Flask": ("orchestrator/c.py", "import flask"),
    "Typer": ("api/b.py", "import rich.table"),
    "Numerical": ("adapters/c.py", "import scipy.stats"),
    "Vendors": ("agents/c.py", "import anthropic"),
    "environment": ("api/c.py", "import structlog"),
}


def lint(root: Path) -> dict[str, bool]:
    """Lint a house of these files; contract name -> kept."""
    answer = subprocess.run(
        LINT,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
    )
    lines = re.findall(r"^(.+?) (KEPT|BROKEN)", answer.stdout, re.MULTILINE)
    assert lines, answer.stdout + answer.stderr
    return {name: outcome == "KEPT" for name, outcome in lines}


@pytest.fixture
def house(tmp_path):
    """Write an empty house with our contracts, its composition roots, and these files."""

    def build(files: dict[str, str]) -> Path:
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        for name, text in {**{f"{room}/__init__.py": "" for room in ROOMS}, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            (path.parent / "__init__.py").touch()
        return tmp_path

    return build


def test_the_composition_roots_may_reach_down(house):
    outcome = lint(house(ROOTS))
    assert {name for name, kept in outcome.items() if not kept} == set()


def test_every_contract_breaks_when_a_room_reaches_where_it_may_not(house):
    """One house with one offence for each contract: each must be found."""
    outcome = lint(house({**ROOTS, **dict(OFFENCES.values())}))
    assert {name for name, kept in outcome.items() if kept} == set()
    assert len(outcome) == len(OFFENCES)
