"""How a function becomes a tool: name, title, annotations, and errors a model can act on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from mcp_servers.manners import Manners
from schemas.errors import AlphaShieldError, InvalidRequest
from schemas.validation import sentence_of

ToolServer = MCPServer
"""What the builders return, for those who may not know the SDK."""

READ = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Reads or computes; calling it again gives the same answer at the same moment."""

WRITE = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Changes something; the same call with the same key changes it once."""

REMOVE = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Takes something away; a second call finds it gone."""


def new_server(name: str, instructions: str) -> MCPServer:
    """Build an empty server called `alphashield-NAME`, quiet below warnings."""
    return MCPServer(
        f"alphashield-{name}",
        instructions=instructions,
        log_level="WARNING",
        middleware=[Manners()],
    )


def add_tool(
    server: MCPServer,
    function: Callable[..., Awaitable[Any]],
    *,
    name: str,
    title: str,
    annotations: ToolAnnotations = READ,
) -> None:
    """Register an async function as the tool `name`; its docstring is the description.

    Our own errors reach the model as tool errors with their sentence; anything else is a bug and
    reaches it as a bare failure.
    """

    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except AlphaShieldError as error:
            raise ToolError(f"{error.code}: {error}") from error
        except ValidationError as error:  # arguments that only together cannot be
            raise ToolError(f"{InvalidRequest.code}: {sentence_of(error)}") from error

    server.add_tool(
        call,
        name=name,
        title=title,
        description=inspect.getdoc(function),
        annotations=annotations,
        structured_output=True,
    )
    for part in server.middleware:
        if isinstance(part, Manners):
            part.arguments[name] = frozenset(inspect.signature(function).parameters)
