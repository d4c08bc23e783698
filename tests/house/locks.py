"""The locks satisfy pyproject.toml, carry hashes, and name no index."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)")


def _pins(text: str) -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := PIN.match(line):
            pins.setdefault(canonicalize_name(match["name"]), []).append(match["version"])
    return pins


def _unsatisfied(lock: str, wanted: list[str], pins: dict[str, list[str]]) -> list[str]:
    found: list[str] = []
    for text in wanted:
        requirement = Requirement(text)
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions:
            found.append(f"{lock} has no {requirement.name}: run `make lock`")
        found += [
            f"{lock} has {requirement.name} {version}, not {requirement.specifier}: run `make lock`"
            for version in versions
            if not requirement.specifier.contains(version, prereleases=True)
        ]
    return found


def problems(root: Path) -> list[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    core = project["project"]["dependencies"] + project["build-system"]["requires"]
    wanted = {
        "requirements.lock": core,
        "requirements-dev.lock": core + project["dependency-groups"]["dev"],
    }
    found: list[str] = []
    for lock, requirements in wanted.items():
        text = (root / lock).read_text(encoding="utf-8")
        found += _unsatisfied(lock, requirements, _pins(text))
        if re.search(r"https?://|--(extra-)?index-url|--find-links", text):
            found.append(f"{lock} names an index: the user's own settings decide that")
        blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
        found += [
            f"{lock}: {block.split()[0]} has no hash"
            for block in blocks
            if PIN.match(block) and "--hash=sha256:" not in block
        ]
    return found
