"""`data`: which prices are at hand, how far they reach, bringing and fetching more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import downloads
from cli.doors import opened, root_of
from cli.group import FAILED
from cli.output import Json, counted, print_json, print_line, print_table
from cli.outputs import prepare, write

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from schemas.market import ImportReport
    from schemas.quality import InstrumentQuality

app = typer.Typer(help="Data sets: what is at hand, importing your own, fetching more.")
app.command()(downloads.download)
app.command()(downloads.refresh)
app.command()(downloads.downloads)
Data = Annotated[str, typer.Option("--data", help="Name of the data set.")]
_SHOWN_ROWS = 12
_SHOWN_REASONS = 3
_MANY_REFUSED = 0.05


@app.command()
def coverage(
    context: typer.Context,
    data: Data = "bundled",
    html: Annotated[
        Path | None, typer.Option(help="Also write the calendar heat map, one page, to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how far each symbol's prices reach, and the honest limits of the data."""
    with opened(context) as doors:
        from orchestrator.datasets import coverage_of

        found = coverage_of(data, doors.data, detail=html is not None)
    if html is not None and found.detail is not None:
        from orchestrator.report.coverage import coverage_page

        prepare(html.parent)
        write(html.parent, {html.name: coverage_page(found.detail).encode()})
    if as_json:
        print_json(found.model_copy(update={"detail": None}) if html else found)
        return
    print_table(
        f"{data}: {found.description}",
        ("symbol", "first", "last", ">bars"),
        ((each.symbol, each.first_session, each.last_session, each.bars) for each in found.symbols),
    )
    for caveat in found.caveats:
        print_line(f"- {caveat}")
    print_line(f"Data sets: {', '.join(found.data_sets)}")
    if html is not None:
        print_line(f"Heat map: {html}")


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
    path: Annotated[Path, typer.Argument(help="A CSV or Parquet file, or a folder of files.")],
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
            help="What to do about moves that look like a split nobody states: record them as "
            "splits, or accept the moves as real. Without it, runs over them are refused."
        ),
    ] = None,
    actions: Annotated[
        Path | None, typer.Option(help="Table of splits, dividends, delistings, mergers.")
    ] = None,
    listings: Annotated[
        Path | None, typer.Option(help="Table of the tickers companies have had.")
    ] = None,
    members: Annotated[Path | None, typer.Option(help="Table of universes' members.")] = None,
    macro: Annotated[Path | None, typer.Option(help="Table of macro series.")] = None,
    fundamentals: Annotated[Path | None, typer.Option(help="Table of reported figures.")] = None,
    documents: Annotated[Path | None, typer.Option(help="Table of news and other texts.")] = None,
    same: Annotated[
        str,
        typer.Option(help="Symbols that are one company however long the gap, comma-separated."),
    ] = "",
    macro_lag_days: Annotated[
        int | None,
        typer.Option(help="When macro values without a vintage count as published, in days."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import daily prices: CSV or Parquet with date,symbol,open,high,low,close,volume; one file a
    symbol; or Alpha Vantage's JSON. Rows that cannot be true are left out and listed."""
    tables = {
        "actions": actions,
        "listings": listings,
        "members": members,
        "macro": macro,
        "fundamentals": fundamentals,
        "documents": documents,
    }
    if replace:
        with opened(context) as doors:
            from orchestrator.datasets import refuse_used

            refuse_used(name, doors.data)
    report = root_of(context).import_data(
        path,
        name,
        calendar=calendar,
        currency=currency,
        benchmarks=_listed(benchmarks),
        replace=replace,
        splits=splits,
        tables={kind: file for kind, file in tables.items() if file is not None},
        same=_listed(same),
        macro_lag_days=macro_lag_days,
    )
    _tell(report, report.caveats, as_json=as_json)


@app.command()
def validate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The data set.")] = "bundled",
    as_json: Json = False,
) -> None:
    """Read a data set against its checksums, and say what its import refused and what is odd."""
    with opened(context) as doors:
        from orchestrator.datasets import validate_dataset

        found = validate_dataset(name, doors.data)
    if as_json:
        print_json(found)
    elif found.whole:
        print_line(
            f"'{name}' is whole: {counted(len(found.quality), 'instrument')}, data hash "
            f"{found.data_hash}"
        )
        if found.report is not None:
            _tell(found.report, found.caveats, as_json=False)
        _print_quality(found.quality)
    if not found.whole:
        if not as_json:
            print_line(f"'{name}' is damaged: {found.problem}")
        raise typer.Exit(FAILED)


@app.command()
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The data set.")],
    *,
    symbols: Annotated[str, typer.Option(help="Only bars of these symbols, comma-separated.")] = "",
    start: Annotated[str | None, typer.Option(help="Only from this session on.")] = None,
    end: Annotated[str | None, typer.Option(help="Only up to this session.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really: nothing brings it back.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a data set, or bars of it; refused while a job or a download uses it."""
    from schemas.errors import NotAllowed

    first, last = _day(start, "--start"), _day(end, "--end")
    some = bool(symbols or first or last)
    if not yes:
        what = f"bars of '{name}'" if some else f"the whole data set '{name}'"
        raise NotAllowed(f"this deletes {what} for good: say --yes")
    with opened(context) as doors:
        from orchestrator.datasets import Range, delete_range

        which = Range(name, _listed(symbols) or None, first, last)
        left = delete_range(which, doors.data)
    if as_json:
        print_json({"data": name, "left": left})
    elif left is None:
        print_line(f"'{name}' is gone")
    else:
        _tell(left, left.caveats, as_json=False)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _day(text: str | None, option: str) -> date | None:
    from schemas.errors import InvalidRequest

    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidRequest(f"{option} is no date as 2020-01-02") from error


def _print_quality(quality: Sequence[InstrumentQuality]) -> None:
    """Say which instruments have what wrong; those with most first."""
    odd = [each for each in quality if each.missing or each.rejected or each.warned]
    if not odd:
        print_line("Nothing odd was found in any instrument.")
        return
    odd.sort(key=lambda each: (-each.rejected, -each.warned, -each.missing, each.symbol))
    print_table(
        "what is odd",
        ("instrument", "first", "last", ">bars", ">missing", ">quarantined", ">warned", "why"),
        (
            (
                each.symbol,
                each.first,
                each.last,
                each.bars,
                each.missing,
                each.rejected,
                each.warned,
                ", ".join(f"{one.check} {one.bars}" for one in (*each.rejections, *each.warnings)),
            )
            for each in odd
        ),
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
