"""Each of the house's own checks can fail, and says what to do."""

from pathlib import Path

import pytest

from tests.house import documents, homes, locks, promises, sizes


@pytest.fixture
def house(tmp_path):
    """Write files into an empty house."""

    def build(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return build


PROMISE = """
- id: resume
  sentence: a job killed anywhere ends with the same result
  figure: 100 %
  tests: [tests/test_resume.py]
  kept: sampled
"""
MARKED = 'import pytest\n\n\n@pytest.mark.promise("resume")\ndef test_resumes(): ...\n'


def test_a_promise_with_a_marked_test_is_kept(house):
    root = house({"tests/promises.yaml": PROMISE, "tests/test_resume.py": MARKED})
    assert promises.problems(root) == []


@pytest.mark.parametrize(
    ("listed", "test", "says"),
    [
        (PROMISE, "def test_resumes(): ...\n", "resume has no marked test"),
        (PROMISE, MARKED.replace('"resume"', '"other"'), "marked with other, which is no promise"),
        (PROMISE, MARKED.replace('("resume")', "(name)"), "not one plain string"),
        (PROMISE, MARKED.replace('("resume")', '("resume", 1)'), "not one plain string"),
        (PROMISE, MARKED.replace("@", "@pytest.mark.long\n@", 1), "has no marked test that runs"),
        (PROMISE.replace("test_resume", "test_gone"), MARKED, "does not exist"),
        (PROMISE + PROMISE, MARKED, "listed twice"),
        (PROMISE.replace("  figure: 100 %\n", ""), MARKED, "must have exactly"),
        (PROMISE.replace("sampled", '" "'), MARKED, "kept must say how far"),
        ("[]", MARKED, "which is no promise"),
    ],
)
def test_a_promise_and_its_tests_that_disagree_are_named(house, listed, test, says):
    root = house({"tests/promises.yaml": listed, "tests/test_resume.py": test})
    assert any(says in problem for problem in promises.problems(root))


def test_marks_on_classes_modules_and_parameters_count(house):
    for mark in (
        'pytestmark = pytest.mark.promise("resume")\n',
        '@pytest.mark.promise("resume")\nclass TestIt: ...\n',
        'CASES = [pytest.param(1, marks=pytest.mark.promise("resume"))]\n',
    ):
        root = house({"tests/promises.yaml": PROMISE, "tests/test_resume.py": mark})
        assert promises.problems(root) == []


def test_a_module_over_the_ceiling_is_named(house):
    root = house({"quant/long.py": "x = 1\n" * 401, "quant/fine.py": "x = 1\n" * 400})
    assert sizes.problems(root) == [
        "quant/long.py has 401 lines, more than 400: make it two modules"
    ]


def test_an_exception_that_is_not_needed_is_named(house, monkeypatch):
    monkeypatch.setattr(sizes, "EXCEPTIONS", {"quant/fine.py": "why", "quant/gone.py": "why"})
    found = sizes.problems(house({"quant/fine.py": "x = 1\n"}))
    assert found == [
        "quant/fine.py needs no exception any more",
        "quant/gone.py is excepted but gone",
    ]


@pytest.mark.parametrize(
    ("room", "source", "name"),
    [
        ("quant", "import os\nos.environ['A']\n", "os.environ"),
        ("quant", "from os import environ\n", "os.environ"),
        ("agents", "import os as o\no.getenv('A')\n", "os.getenv"),
        ("trading", "from datetime import datetime\ndatetime.now()\n", "datetime.datetime.now"),
        ("trading", "import datetime as d\nd.date.today()\n", "datetime.date.today"),
        ("adapters", "from mcp.server import mcpserver\n", "mcp.server"),
        ("adapters", "import mcp.server.mcpserver\n", "mcp.server"),
        ("mcp_servers", "from mcp import Client\n", "mcp.Client"),
        ("quant", "import numpy as np\nnp.random.seed(1)\n", "numpy.random.seed"),
    ],
)
def test_a_name_away_from_its_home_is_named(house, room, source, name):
    found = homes.problems(house({f"{room}/module.py": source}))
    assert len(found) == 1
    assert f"uses {name};" in found[0]


def test_names_at_home_and_their_namesakes_pass(house):
    root = house(
        {
            "config/settings.py": "import os\nos.environ['A']\n",
            "adapters/clock.py": "from datetime import datetime\ndatetime.now()\n",
            "mcp_servers/toolkit.py": "from mcp.server.mcpserver import MCPServer\n",
            "trading/own.py": "def now(clock):\n    return clock.now()\n",
        }
    )
    assert homes.problems(root) == []


PYPROJECT = """
[build-system]
requires = ["setuptools>=77"]
[project]
dependencies = ["numpy>=2,<3"]
[dependency-groups]
dev = ["pytest>=8"]
"""
LOCK = """\
numpy==2.4.0 ; python_version < '4' \\
    --hash=sha256:aa
setuptools==80.0 \\
    --hash=sha256:bb
"""
DEV = f"{LOCK}pytest==9.0 \\\n    --hash=sha256:cc\n"


def lock_problems(house, core=LOCK, dev=DEV) -> str:
    files = {"pyproject.toml": PYPROJECT, "requirements.lock": core, "requirements-dev.lock": dev}
    return "\n".join(locks.problems(house(files)))


def test_locks_that_satisfy_the_project_pass(house):
    assert lock_problems(house) == ""


@pytest.mark.parametrize(
    ("core", "says"),
    [
        (LOCK.replace("2.4.0", "1.9"), "has numpy 1.9, not <3,>=2"),
        (LOCK.replace("numpy", "numpie"), "has no numpy"),
        (LOCK.replace("    --hash=sha256:bb\n", ""), "setuptools==80.0 has no hash"),
        ("--index-url https://example.org\n" + LOCK, "names an index"),
    ],
)
def test_a_lock_that_is_stale_or_loose_is_named(house, core, says):
    assert says in lock_problems(house, core=core)


def test_a_development_tool_missing_from_its_lock_is_named(house):
    assert "has no pytest" in lock_problems(house, dev=LOCK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a](docs/gone.md)", "links to docs/gone.md, which does not exist"),
        ("[a](#nowhere)", "no such heading"),
        ("![p](shot.png)", "links to shot.png"),
        ("```sh\nmake nonsense\n```", "`make nonsense` is no target"),
        ("run `make nonsense` now", "`make nonsense` is no target"),
        ("```bash\n$ python -m no_such_module x\n```", "no module no_such_module"),
        ("```sh\ncurl -d '{\n}' http://127.0.0.1\n```", "`curl -d '{` leaves a quote open"),
        ("```sh\nA=1 \\\n  .venv/bin/python -m no_such_module\n```", "no module no_such_module"),
    ],
)
def test_a_dead_link_or_command_is_named(house, text, says):
    root = house({"README.md": text, "Makefile": "demo: ## run\n"})
    assert any(says in problem for problem in documents.problems(root))


def test_living_links_and_commands_pass(house):
    text = (
        "# The house\n[a](docs/b.md#its-rooms) [c](#the-house) [d](https://example.org)\n"
        "```sh\nmake demo # comment\npython -m json x\nls\n```\n```python\nmake()\n```\n"
    )
    root = house({"README.md": text, "docs/b.md": "## Its rooms\n", "Makefile": "demo: ## run\n"})
    assert documents.problems(root) == []
