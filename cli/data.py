"""`data`: which prices are at hand, how far they reach, bringing one's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.doors import opened, root_of
from cli.output import Json, counted, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from schemas.market import ImportReport

app = typer.Typer(help="Data sets: what is at hand, and importing your own.")
Data = Annotated[str, typer.Option("--data", help="Name of the data set.")]
_SHOWN_REASONS = 12


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
    )
    _tell(report, as_json=as_json)


@app.command()
def validate(context: typer.Context, data: Data = "bundled", as_json: Json = False) -> None:
    """Read a data set against its checksum and say what its import refused, and why."""
    with opened(context) as doors:
        info = doors.catalog.open(data).info()
        report = doors.import_report(data) if data != "bundled" else None
    if report is not None:
        _tell(report, as_json=as_json)
    elif as_json:
        print_json({"name": data, "data_hash": info.data_hash, "rejected": []})
    else:
        print_line(
            f"'{data}' is whole: {counted(len(info.symbols), 'symbol')}, data hash {info.data_hash}"
        )


def _tell(report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    print_line(
        f"'{report.name}': {report.rows_kept} of {counted(report.rows_read, 'row')} kept, "
        f"{counted(len(report.symbols), 'symbol')}, data hash {report.data_hash}"
    )
    for row in report.rejected[:_SHOWN_REASONS]:
        print_line(f"- {row.source}:{row.line} {row.symbol} {row.session}: {row.reason}")
    hidden = report.rows_rejected - min(len(report.rejected), _SHOWN_REASONS)
    if hidden > 0:
        reasons = Counter(row.reason for row in report.rejected).most_common(3)
        said = "; ".join(f"{reason} ({count})" for reason, count in reasons)
        print_line(f"  and {counted(hidden, 'more rejected row')}, most often: {said}")
