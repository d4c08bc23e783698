"""`data`: which prices are at hand, how far they reach, bringing one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.doors import opened, root_of
from cli.output import Json, counted, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from schemas.market import ImportReport

app = typer.Typer(help="Data sets: what is at hand, and importing your own.")
Data = Annotated[str, typer.Option("--data", help="Name of the data set.")]
_SHOWN_ROWS = 12
_SHOWN_REASONS = 3
_MANY_REFUSED = 0.05


@app.command()
def coverage(context: typer.Context, data: Data = "bundled", as_json: Json = False) -> None:
    """Show how far each symbol's prices reach, and the honest limits of the data."""
    with opened(context) as doors:
        names = doors.catalog.names()
        info = doors.catalog.open(data).info()
        rows = doors.catalog.coverage(data)
    if as_json:
        keys = ("symbol", "first_session", "last_session", "bars")
        symbols = [dict(zip(keys, row, strict=True)) for row in rows]
        print_json({"info": info, "symbols": symbols, "data_sets": names})
        return
    print_table(f"{data}: {info.description}", ("symbol", "first", "last", ">bars"), rows)
    for caveat in info.caveats:
        print_line(f"- {caveat}")
    print_line(f"Data sets: {', '.join(names)}")


@app.command()
def symbols(context: typer.Context, data: Data = "bundled", as_json: Json = False) -> None:
    """List the tradable symbols of a data set."""
    with opened(context) as doors:
        info = doors.catalog.open(data).info()
    if as_json:
        print_json({"data": data, "symbols": info.symbols, "benchmarks": info.benchmarks})
    else:
        print_line(" ".join(info.symbols))


@app.command("import")
def import_prices(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A CSV file, or a folder of files.")],
    name: Annotated[str, typer.Option(help="What to call it: lower case, digits, dashes.")],
    *,
    calendar: Annotated[str, typer.Option(help="Exchange calendar.")] = "XNYS",
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "USD",
    benchmarks: Annotated[
        str, typer.Option(help="Symbols that are shown and never traded, comma-separated.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a data set of that name.")
    ] = False,
    splits: Annotated[
        Literal["adjust", "accept"] | None,
        typer.Option(
            help="What to do about moves that look like a split nobody adjusted for: adjust the "
            "earlier prices, or accept the moves as real. Without it, runs over them are refused."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import daily prices: CSV with date,symbol,open,high,low,close,volume; one CSV a symbol; or
    Alpha Vantage's JSON. Rows that cannot be true are left out and listed."""
    report = root_of(context).import_data(
        path,
        name,
        calendar=calendar,
        currency=currency,
        benchmarks=tuple(symbol.strip() for symbol in benchmarks.split(",") if symbol.strip()),
        replace=replace,
        splits=splits,
    )
    _tell(report, report.caveats, as_json=as_json)


@app.command()
def validate(context: typer.Context, data: Data = "bundled", as_json: Json = False) -> None:
    """Read a data set against its checksum and say what its import refused, and why."""
    with opened(context) as doors:
        info = doors.catalog.open(data).info()
        report = doors.import_report(data) if data != "bundled" else None
    if report is not None:
        _tell(report, info.caveats, as_json=as_json)
    elif as_json:
        print_json({"name": data, "data_hash": info.data_hash, "rejected": []})
    else:
        print_line(
            f"'{data}' is whole: {counted(len(info.symbols), 'symbol')}, data hash {info.data_hash}"
        )


def _tell(report: ImportReport, caveats: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    print_line(
        f"'{report.name}': {report.rows_kept} of {counted(report.rows_read, 'row')} kept, "
        f"{counted(len(report.symbols), 'symbol')}, data hash {report.data_hash}"
    )
    if report.rows_rejected:
        print_line(_refusals(report))
    for sentence in dict.fromkeys((*report.notes, *caveats)):
        print_line(f"- {sentence}")
    for row in report.rejected[:_SHOWN_ROWS]:
        print_line(f"- {row.source}:{row.line} {row.symbol} {row.session}: {row.reason}")
    hidden = report.rows_rejected - min(len(report.rejected), _SHOWN_ROWS)
    if hidden > 0:
        print_line(f"  and {counted(hidden, 'more refused row')}")


def _refusals(report: ImportReport) -> str:
    """Say how many rows were refused and why, loudly where it is more than one in twenty."""
    share = report.rows_rejected / report.rows_read
    leading = [f"{each.reason} ({each.rows})" for each in report.reasons[:_SHOWN_REASONS]]
    others = len(report.reasons) - len(leading)
    if others > 0:
        leading.append(counted(others, "other reason"))
    refused = f"{counted(report.rows_rejected, 'row')} refused"
    if share > _MANY_REFUSED:
        refused = f"WARNING: {refused}, {100 * share:.0f} % of all"
    return f"{refused}: {'; '.join(leading)}"
