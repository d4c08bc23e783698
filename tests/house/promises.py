"""The two-way check of tests/promises.yaml: no promise without a test, no mark without a promise.

Marks are read from the source, so that a test which cannot be imported still counts as missing work
and the check takes no time.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FIELDS = {"id", "sentence", "figure", "tests", "kept"}


@dataclass(frozen=True)
class Mark:
    """One `@pytest.mark.promise("id")` in a test file; `long` tests do not run by default."""

    promise: str | None
    file: str
    line: int
    long: bool


def _is_mark(node: ast.expr, name: str) -> bool:
    target = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(target) == f"pytest.mark.{name}"


def _marks_of(tree: ast.Module, file: str) -> Iterator[Mark]:
    long_marks = {
        id(mark)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and any(_is_mark(each, "long") for each in node.decorator_list)
        for mark in node.decorator_list
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_mark(node, "promise"):
            arg = node.args[0] if len(node.args) == 1 else None
            text = arg.value if isinstance(arg, ast.Constant) else None
            yield Mark(
                text if isinstance(text, str) else None, file, node.lineno, id(node) in long_marks
            )


def marks(root: Path) -> list[Mark]:
    """Read every promise mark below tests/."""
    return [
        mark
        for path in sorted((root / "tests").rglob("*.py"))
        for mark in _marks_of(
            ast.parse(path.read_text(encoding="utf-8")), path.relative_to(root).as_posix()
        )
    ]


def _problems_of(promise: dict[str, Any], by_id: dict[str, list[Mark]], root: Path) -> list[str]:
    name = promise["id"]
    mine = by_id.get(name, [])
    found: list[str] = []
    if not isinstance(promise["kept"], str) or not promise["kept"].strip():
        found.append(f"{name}: kept must say how far the tests reach")
    if not any(not mark.long for mark in mine):
        found.append(f"{name} has no marked test that runs in `make test`")
    for file in promise["tests"] or ["(none)"]:
        if not (root / file).is_file():
            found.append(f"{name} names {file}, which does not exist")
        elif all(mark.file != file for mark in mine):
            found.append(f"{name} names {file}, which has no test marked with it")
    return found


def problems(root: Path) -> list[str]:
    source = (root / "tests" / "promises.yaml").read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = yaml.safe_load(source) or []
    wrong = [str(p.get("id")) for p in listed if set(p) != FIELDS]
    if wrong:
        return [f"{name} must have exactly {', '.join(sorted(FIELDS))}" for name in wrong]
    ids = [p["id"] for p in listed]
    found = [f"{name} is listed twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    by_id: dict[str, list[Mark]] = {}
    for mark in marks(root):
        if mark.promise not in ids:
            what = mark.promise or "something that is not one plain string"
            found.append(f"{mark.file}:{mark.line} is marked with {what}, which is no promise")
        else:
            by_id.setdefault(mark.promise, []).append(mark)
    for promise in listed:
        found += _problems_of(promise, by_id, root)
    return found
