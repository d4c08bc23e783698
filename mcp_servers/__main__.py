"""`python -m mcp_servers NAME`: one tool server for outside clients. A composition root.

Exit codes: 0 done, 2 bad input, 3 refused, 4 unavailable, 5 failed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from pydantic import ValidationError

from adapters.wiring import ClientPorts, System, calendar, open_system, ports_of_now, ports_of_run
from config.logging import configure_logging
from config.settings import load_settings
from mcp_servers.lending import build_lending_server
from mcp_servers.memory import build_memory_server
from mcp_servers.prices import build_prices_server
from mcp_servers.quantum import build_quantum_server
from mcp_servers.search import build_search_server
from mcp_servers.serve import serve_http, serve_stdio
from mcp_servers.trading import build_trading_server
from mcp_servers.trading_desk import Guard
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Unavailable,
)
from schemas.loan import BorrowerFile
from schemas.validation import sentence_of

AGENT = "client"
_LOG = logging.getLogger(__name__)


def _trading(system: System, ports: ClientPorts) -> MCPServer:
    return build_trading_server(
        clock=ports.clock,
        market=ports.market,
        broker=ports.broker,
        limits=ports.limits,
        execution=ports.execution,
        scope=ports.scope,
        tick=lambda: ports.broker.session().toordinal(),
        agent=AGENT,
        mode="simulation",
        guard=Guard(system.kill_switch, lambda: ports.watch, lambda: ports.equity, ports.calendar),
    )


BUILDERS: dict[str, Callable[[System, ClientPorts], MCPServer]] = {
    "prices": lambda _, p: build_prices_server(clock=p.clock, market=p.market, calendar=p.calendar),
    "search": lambda _, p: build_search_server(clock=p.clock, documents=p.documents),
    "trading": _trading,
    "memory": lambda _, p: build_memory_server(clock=p.clock, memories=p.memories, agent=AGENT),
    "quantum": lambda s, p: build_quantum_server(clock=p.clock, market=p.market, sampler=s.sampler),
    "lending": lambda _, p: build_lending_server(
        clock=p.clock, borrower=p.borrower, market=p.market
    ),
}


def build_server(
    name: str,
    system: System,
    *,
    run_id: str | None,
    data: str,
    borrower: BorrowerFile | None = None,
) -> MCPServer:
    """Build a server on the system clock, a data set and a borrower, or on a run as it stands."""
    if name not in BUILDERS:
        raise NotFound(f"unknown server '{name}'; known: {', '.join(BUILDERS)}")
    ports = _ports(system, run_id, data)
    if borrower is not None:
        ports = dataclasses.replace(ports, borrower=borrower)
    return BUILDERS[name](system, ports)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the client leaves or a signal comes; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _serve(options)
    except AlphaShieldError as error:
        return _fail(error, as_json=options.json)
    except KeyboardInterrupt:
        return 0
    except Exception:  # noqa: BLE001  # the top of the process: nothing escapes it
        _LOG.exception("the server failed")
        return 5
    return 0


def _serve(options: argparse.Namespace) -> None:
    settings = load_settings()
    configure_logging(
        level=settings.log_level, style=settings.log_format, secrets=settings.secrets()
    )
    borrower = _borrower(options)
    with open_system(settings) as system:
        # stdout belongs to the protocol: what a library prints while we build goes to stderr.
        with contextlib.redirect_stdout(sys.stderr):
            server = build_server(
                options.name, system, run_id=options.run, data=options.data, borrower=borrower
            )
        if options.transport == "http":
            serve_http(server, host=options.host, port=options.port, keyring=system.keyring)
        else:
            serve_stdio(server)


def _borrower(options: argparse.Namespace) -> BorrowerFile | None:
    path: Path | None = options.borrower
    if path is None:
        return None
    if options.name != "lending":
        raise InvalidRequest("only the server 'lending' looks at a borrower: leave --borrower out")
    if options.run is not None:
        raise InvalidRequest("a run has its own borrower: give --run or --borrower, not both")
    try:
        return BorrowerFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InvalidRequest(f"{path.name}: {sentence_of(error)}") from error


def _ports(system: System, run_id: str | None, data: str) -> ClientPorts:
    store = system.store
    if run_id is not None:
        return ports_of_run(
            run_id,
            jobs=store.jobs,
            ticks=store.ticks,
            catalog=system.catalog,
            calendar=calendar,
            documents=system.documents,
            embedder=system.embedder,
        )
    market = system.catalog.open(data)
    return ports_of_now(
        market,
        calendar(market.info().calendar),
        clock=system.wall,
        documents=system.documents,
        memories=store.memories,
        embedder=system.embedder,
        execution=system.execution,
        limits=system.risk.limits_for(AGENT),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mcp_servers", description="Serve one tool server over stdio or HTTP."
    )
    parser.add_argument("name", metavar="NAME", help=", ".join(BUILDERS))
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio")
    parser.add_argument("--host", default="127.0.0.1", help="HTTP: where to listen")
    parser.add_argument("--port", type=_port, default=8100, help="HTTP: port; 0 takes a free one")
    parser.add_argument("--run", metavar="RUN_ID", help="look at a run instead of now")
    parser.add_argument("--data", default="bundled", help="data set, when it is no run")
    parser.add_argument(
        "--borrower", metavar="FILE", type=Path, help="lending: the borrower's JSON file"
    )
    parser.add_argument("--json", action="store_true", help="print an error as JSON")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def _fail(error: AlphaShieldError, *, as_json: bool) -> int:
    refused = isinstance(error, NotAllowed | BadConfiguration | Conflict)
    code = 4 if isinstance(error, Unavailable) else 3 if refused else 2
    text = f"alphashield: {error}"
    if as_json:
        found = {"code": error.code, "message": str(error), "exit_code": code}
        text = json.dumps({"error": found})
    sys.stderr.write(text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
