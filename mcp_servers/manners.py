"""What a caller reads when it called a tool wrongly.

The SDK ignores an argument that a tool does not have, so a misspelt one would silently become the
default; and it answers a wrong value with a page of a library's text. Here both are one sentence.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, TextContent

_PREFIX = re.compile(r"^Error executing tool \S+: ")
_DETAIL = re.compile(r"\s*\[type=.*$")
_VALIDATION = re.compile(r"^\d+ validation errors? for ")


class Manners:
    """Middleware of one server: refuses unknown arguments, and shortens errors to a sentence."""

    def __init__(self) -> None:
        self.arguments: dict[str, frozenset[str]] = {}
        """The arguments of each tool by its name."""

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Answer a request, tool calls with manners."""
        if ctx.method != "tools/call":
            return await call_next(ctx)
        params: Any = ctx.params or {}
        refusal = self._unknown(params.get("name"), params.get("arguments"))
        if refusal is not None:
            return CallToolResult(content=[TextContent(type="text", text=refusal)], is_error=True)
        answer = await call_next(ctx)
        if isinstance(answer, dict) and answer.get("isError"):
            for part in answer.get("content", ()):
                if part.get("type") == "text":
                    part["text"] = sentence(part["text"])
        return answer

    def _unknown(self, name: object, arguments: object) -> str | None:
        known = self.arguments.get(name) if isinstance(name, str) else None
        if known is None or not isinstance(arguments, dict):
            return None
        for given in arguments:  # pyright: ignore[reportUnknownVariableType]  # JSON from outside
            if given not in known:
                word = str(given)[:40]  # pyright: ignore[reportUnknownArgumentType]  # the same
                near = difflib.get_close_matches(word, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"it takes: {_list(known)}"
                return f"invalid-request: {name} has no argument '{word}'; {hint}"
        return None


def sentence(text: str) -> str:
    """Shorten the SDK's error text: no prefix, no library's page, one line an argument."""
    bare = _PREFIX.sub("", text)
    lines = bare.splitlines()
    if not lines or not _VALIDATION.match(lines[0]):
        return bare
    found: list[str] = []
    where = ""
    for line in lines[1:]:
        if not line.startswith(" "):
            where = line.strip()
        elif not line.startswith("    "):
            found.append(f"{where}: {_DETAIL.sub('', line.strip())}")
    return "invalid-request: " + "; ".join(found)


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
