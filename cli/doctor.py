"""`doctor`: what is configured, what is missing, and what that means."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from cli.doors import Root, opened, root_of
from cli.group import FAILED, UNAVAILABLE
from cli.output import Json, counted, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from cli.doors import Doors, Setup

_LOCK = "requirements.lock"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)([^\\\n]*)", re.MULTILINE)
_LEAST_FREE_GB = 1.0
_OF_VENDORS = ("_KEY", "_TOKEN", "_BASE_URL", "_DSN")


class Finding(NamedTuple):
    """One thing looked at."""

    what: str
    state: Literal["ok", "note", "problem"]
    says: str


def doctor(
    context: typer.Context,
    canaries: Annotated[
        bool,
        typer.Option("--canaries", help="Only ask the tools for the future, as before every job."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is configured, what is missing, and what that means."""
    if canaries:
        _canaries(context, as_json=as_json)
        return
    root = root_of(context)
    setup = root.setup()
    findings = [_python(), _packages(), _home(setup), *_store(context, root), _vendors(setup)]
    bad = [finding for finding in findings if finding.state == "problem"]
    if as_json:
        print_json(
            {
                "findings": [finding._asdict() for finding in findings],
                "settings": [
                    {"variable": s.variable, "shown": s.shown, "meaning": s.meaning}
                    for s in setup.settings
                ],
            }
        )
    else:
        marks = {"ok": "ok", "note": "·", "problem": "PROBLEM"}
        print_table("", ("", "what", "found"), ((marks[f.state], f.what, f.says) for f in findings))
        print_table(
            "Settings",
            ("variable", "value", "for"),
            ((s.variable, s.shown, s.meaning) for s in setup.settings),
        )
        print_line(
            f"{counted(len(bad), 'problem')}."
            if bad
            else "Nothing stands in the way; no key is needed."
        )
    if bad:
        raise typer.Exit(UNAVAILABLE)


def _canaries(context: typer.Context, *, as_json: bool) -> None:
    with opened(context) as doors:
        report = doors.canaries()
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        found = (("ok" if c.passed else "FAILED", c.title, c.says) for c in report.canaries)
        print_table("", ("", "canary", "what was seen"), found)
        silent = sum(canary.passed for canary in report.canaries)
        print_line(f"{silent} of {len(report.canaries)} canaries silent.")
    if report.alarm is not None:
        raise typer.Exit(FAILED)


def _python() -> Finding:
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    says = platform.python_version() + ("" if fits else ": 3.11, 3.12 or 3.13 is needed")
    return Finding("Python", "ok" if fits else "problem", says)


def _packages() -> Finding:
    """Compare what is installed with the lock."""
    lock = Path(__file__).resolve().parent.parent / _LOCK
    try:
        pins = _PIN.findall(lock.read_text(encoding="utf-8"))
    except OSError:
        return Finding("packages", "note", f"{_LOCK} is not here: versions were not compared")
    versions: dict[str, set[str]] = {}
    for name, pinned, _ in pins:
        versions.setdefault(name, set()).add(pinned)
    # A pin with a marker may be meant for another system: only a wrong version counts.
    optional = {name for name, _, marker in pins if marker.strip()}
    other = [
        f"{name} {found or 'missing'} instead of {' or '.join(sorted(wanted))}"
        for name, wanted in versions.items()
        if (found := _installed(name)) not in wanted and not (found is None and name in optional)
    ]
    if other:
        says = f"{len(other)} differ from the lock ({'; '.join(other[:3])}): run `make install`"
        return Finding("packages", "note", says)
    return Finding("packages", "ok", f"{len(versions)} as {_LOCK} says")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _home(setup: Setup) -> Finding:
    home = setup.home.resolve()
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        says = f"{home} cannot be written: nothing can be stored; set ALPHASHIELD_HOME"
        return Finding("home", "problem", says)
    free = shutil.disk_usage(existing).free / 1e9
    says = f"{home}, {free:.1f} GB free"
    return Finding("home", "ok" if free >= _LEAST_FREE_GB else "problem", says)


def _store(context: typer.Context, root: Root) -> list[Finding]:
    from schemas.errors import AlphaShieldError

    where = "embedded server" if root.setup().embedded else "MongoDB of MONGODB_URI"
    try:
        with opened(context) as doors:
            doors.jobs.list(limit=1)
            return [Finding("store", "ok", f"{where} answers"), *_stored(doors)]
    except (AlphaShieldError, OSError) as error:
        return [Finding("store", "problem", f"{where} does not work: {error}")]


def _stored(doors: Doors) -> list[Finding]:
    keys = [key for key in doors.keyring.list() if key.revoked_at is None]
    open_says = (
        "none: the API is open to this machine, and refuses to listen anywhere else"
        if not doors.keyring.list()
        else f"{len(keys)} live: every call needs one"
    )
    return [
        Finding("data sets", "ok", ", ".join(doors.catalog.names())),
        Finding("models", "ok", f"{len(doors.admission.models)} may be asked for by name"),
        _trading(doors),
        Finding("API keys", "note" if not keys else "ok", open_says),
    ]


def _trading(doors: Doors) -> Finding:
    from schemas.halts import sentence

    halt = doors.kill_switch.halted()
    if halt is None:
        return Finding("trading", "ok", "not halted")
    state = "problem" if halt.source == "unknown" else "note"
    return Finding("trading", state, sentence(halt))


def _vendors(setup: Setup) -> Finding:
    """Say what the vendors' settings do: nothing yet, so that nobody buys a key for it."""
    vendors = [s for s in setup.settings if s.variable.endswith(_OF_VENDORS)]
    in_vain = ", ".join(s.variable for s in vendors if s.is_set)
    says = "this version has no adapter for any, so no key or address of theirs is of use yet"
    return Finding("vendors", "note", f"{says}; set in vain: {in_vain}" if in_vain else says)
