"""The tools of several MCP servers as one tool session.

In a simulation the servers are objects of this process and calls cross no socket. A tool's name
begins with its server's name, which is how a call finds its server.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import mcp
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, TextContent, Tool

from interfaces.model import ToolCall, ToolResult, ToolSpec
from schemas.errors import BadConfiguration, Unavailable

READ_TIMEOUT_S = 120.0
"""How long a call may take before its server counts as unavailable."""


class McpToolSession:
    """Calls tools over open MCP clients; made by `open_tools`."""

    def __init__(self, clients: Mapping[str, mcp.Client], specs: Mapping[str, ToolSpec]) -> None:
        self._clients = clients
        self._specs = specs

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Return the specifications of these tools, in that order."""
        missing = [name for name in names if name not in self._specs]
        if missing:
            raise BadConfiguration(f"no server offers the tool '{missing[0]}'")
        return tuple(self._specs[name] for name in names)

    async def call(self, call: ToolCall) -> ToolResult:
        """Call the tool on its server."""
        client = self._clients.get(call.tool.split("_", 1)[0])
        if client is None:
            return _failure(call, f"not-found: there is no tool '{call.tool}'")
        try:
            answer = await client.call_tool(call.tool, call.arguments)
        except MCPError as error:
            raise Unavailable(f"the server of '{call.tool}' failed: {error}") from error
        return _result(call, answer)


@asynccontextmanager
async def open_tools(servers: Mapping[str, Any]) -> AsyncGenerator[McpToolSession]:
    """Connect to the servers (in-process objects, or anything `mcp.Client` takes) by name.

    Closing the context closes every connection. Tool lists are read once. An error of the body
    leaves as it is: the connections' task groups would wrap it in exception groups.
    """
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        clients: dict[str, mcp.Client] = {}
        specs: dict[str, ToolSpec] = {}
        for name, server in servers.items():
            client = mcp.Client(server, read_timeout_seconds=READ_TIMEOUT_S)
            clients[name] = await stack.enter_async_context(client)
            _share_validators(client)
            for tool in (await client.list_tools()).tools:
                specs[tool.name] = _spec(tool)
        try:
            yield McpToolSession(clients, specs)
        except Exception as error:  # noqa: BLE001  # raised again below, once all is closed
            failure = error
    if failure is not None:
        raise failure


def _share_validators(client: mcp.Client) -> None:
    """Let the client take the validators of output schemas that this process has compiled.

    The SDK compiles each for every connection, which takes as long as a dozen calls: a job opens
    connections for its canaries and again for every run.
    """
    session: Any = client.session  # the SDK has no door for this: typed, it would be private use
    compile_own, compiled = session._output_schema_validator, _validators()  # noqa: SLF001

    def validator(name: str, output_schema: dict[str, Any]) -> Any:
        schema = json.dumps(output_schema)
        if schema not in compiled:
            compiled[schema] = compile_own(name, output_schema)
        return compiled[schema]

    session._output_schema_validator = validator  # noqa: SLF001  # as above


@functools.cache
def _validators() -> dict[str, Any]:
    """Return the compiled validators of this process by their schemas."""
    return {}


def _spec(tool: Tool) -> ToolSpec:
    return ToolSpec(
        name=tool.name, description=tool.description or "", input_schema=tool.input_schema
    )


def _result(call: ToolCall, answer: CallToolResult) -> ToolResult:
    text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
    return ToolResult.model_construct(  # a result of our own protocol layer, checked there
        call_id=call.call_id,
        tool=call.tool,
        structured=answer.structured_content,
        text=text,
        is_error=bool(answer.is_error),
    )


def _failure(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(
        call_id=call.call_id, tool=call.tool, structured=None, text=text, is_error=True
    )
