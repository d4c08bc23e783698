"""List a tool server's tools and call some, from Python: `python examples/clients/client.py`.

Needs only the package `mcp`, 2.3 or newer. Without an argument it starts the server itself over
stdio, from the repository's root; with a URL it talks to one that serves over HTTP, here started by
`python -m mcp_servers prices --transport http --port 8101`:

    python examples/clients/client.py http://127.0.0.1:8101/mcp
"""
# ruff: noqa: INP001, T201  # a script to run, not a package

import asyncio
import sys
from datetime import date, timedelta

import mcp

SERVER = mcp.StdioServerParameters(command=sys.executable, args=["-m", "mcp_servers", "prices"])


async def main(where: str | mcp.StdioServerParameters) -> None:
    """Ask for the tools, for the last known close and, on purpose, for the future."""
    async with mcp.Client(where, read_timeout_seconds=60) as client:
        for tool in (await client.list_tools()).tools:
            print(f"{tool.name}: {tool.title}")

        clock = (await client.call_tool("prices_get_clock", {})).structured_content
        symbol = (await client.call_tool("prices_list_symbols", {})).structured_content["symbols"][
            0
        ]
        quote = (await client.call_tool("prices_get_quote", {"symbol": symbol})).structured_content
        print("now:", clock["as_of"], "newest close:", symbol, quote["session"], quote["close"])

        later = date.fromisoformat(clock["session"]) + timedelta(days=30)
        future = await client.call_tool(
            "prices_get_bars", {"symbols": [symbol], "end": later.isoformat()}
        )
        print("refused:" if future.is_error else "answered:", future.content[0].text)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else SERVER))
