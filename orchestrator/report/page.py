"""A page of one file: a template, its own style sheets and script, and nothing from elsewhere.

All text is untrusted and escaped. A content security policy allows exactly this page's own style
sheet and script, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from orchestrator.report.words import count, day, number, percent, rate


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("orchestrator.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "day": day, "number": number, "percent": percent, "rate": rate, "counted": count,
    }  # fmt: skip
    environment.filters.update(filters)
    return environment


def render_page(template: str, *, styles: tuple[str, ...], script: str, **values: object) -> str:
    """Render a template with its style sheets, in order, and its script inside."""
    style = Markup("\n").join(_inline(name) for name in styles)
    code = _inline(script)
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(code)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(policy=policy, style=style, script=code, **values)


def _inline(name: str) -> Markup:
    """Read our own style sheet or script; it must not end the element that holds it."""
    loader = _environment().loader
    if loader is None:
        raise AssertionError("the environment has a loader")
    text, _, _ = loader.get_source(_environment(), name)
    if "</" in text:
        raise AssertionError(f"{name} would end its element")
    return Markup(text.strip())  # noqa: S704 - our own file, checked above


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
