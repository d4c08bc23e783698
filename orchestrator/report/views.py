"""What a template is given: every job of a bundle as finished figures, rows and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from orchestrator.report.arena import Standing, Verdict, arena_verdict, standings
from orchestrator.report.costs import Charged, CostTable, cost_table
from orchestrator.report.decisions import DecisionRow, decision_rows
from orchestrator.report.falls import FallRow, fall_rows
from orchestrator.report.figures import (
    Figure,
    Key,
    drawdown_figures,
    equity_figure,
    exposure_figures,
    fund_figure,
    payers_figure,
    shortfall_figures,
)
from orchestrator.report.loan import loan_verdict, outcome
from orchestrator.report.stops import Stops, enforced, stops_of
from orchestrator.report.strips import bullet, quantile_strip, share_bar
from orchestrator.report.tables import (
    InstalmentRow,
    MetricRow,
    Month,
    action_row,
    fund_rows,
    instalment_rows,
    interval_words,
    metric_rows,
    monthly_returns,
    trade_row,
)
from orchestrator.report.trips import trip_rows
from orchestrator.report.words import (
    Writer,
    count,
    day,
    listing,
    money,
    number,
    percent,
    quantity,
    rate,
    short_names,
)
from schemas.base import ZERO
from schemas.jobs import SimulationRequest
from schemas.orders import Order
from schemas.results import JobResults, LoanResult, RunResult
from trading.execution.words import cost_words


@dataclass(frozen=True)
class RunRecord:
    """What every run shows whatever its mode: trades, decisions, refusals, keys."""

    name: str
    run: RunResult
    write: Writer
    decisions: tuple[DecisionRow, ...]

    @property
    def trades(self) -> Iterator[tuple[str, ...]]:
        """Each trade as a row of text."""
        return (trade_row(trade, self.write) for trade in self.run.trades)

    @property
    def actions(self) -> Iterator[tuple[str, ...]]:
        """Each corporate action as a row of text."""
        return (action_row(action, self.write) for action in self.run.actions)

    @property
    def dividends(self) -> str:
        """What dividends brought in all."""
        return self.write(self.run.dividends, 2)

    @property
    def folded(self) -> int:
        """How many decisions stand in a row with others."""
        return sum(row.sessions for row in self.decisions if row.sessions > 1)

    @property
    def refused(self) -> Iterator[tuple[str, ...]]:
        """Each refused order as a row of text."""
        return (_refused(order) for order in self.run.refused_orders)


def _refused(order: Order) -> tuple[str, ...]:
    return (
        order.session.isoformat(),
        order.side,
        order.symbol,
        quantity(order.quantity),
        order.status,
        order.status_reason or "",
        order.reason,
    )


@dataclass(frozen=True)
class ArenaView:
    """The figures and tables of a trading job."""

    equity: Figure
    drawdowns: tuple[Figure, ...]
    exposures: tuple[Figure, ...]
    columns: tuple[Standing, ...]
    falls: tuple[tuple[str, tuple[FallRow, ...]], ...]
    metrics: tuple[MetricRow, ...]
    intervals: str
    costs: CostTable
    traders: tuple[str, ...]
    trips: tuple[MetricRow, ...]
    stops: tuple[Stops, ...]
    quiet: str
    """Whom no breaker tripped for, in a sentence."""
    together: str
    """Which models would trip a breaker as strategies of one portfolio."""
    months: tuple[tuple[str, list[tuple[int, list[Month], Month]]], ...]
    yardstick: str


@dataclass(frozen=True)
class LoanView:
    """The figures and tables of one run of a loan."""

    name: str
    verdict: Verdict
    outcome: str
    loan: LoanResult
    split: Markup
    split_keys: tuple[Key, ...]
    fund_bullet: Markup
    payment_bullet: Markup
    payers: Figure | None
    fund: Figure | None
    chances: tuple[Figure, ...]
    residual: Markup | None
    rows: tuple[InstalmentRow, ...]
    plain: tuple[tuple[str, ...], ...]
    metrics: tuple[MetricRow, ...]
    costs: CostTable | None
    stops: Stops | None


@dataclass(frozen=True)
class JobView:
    """One job: what was asked, what is to be said, and all that stands behind it."""

    job: JobResults
    key: str
    kind: str
    asked: str
    verdicts: tuple[tuple[str, Verdict], ...]
    arena: ArenaView | None
    loans: tuple[LoanView, ...]
    runs: tuple[RunRecord, ...]
    write: Writer


def job_view(job: JobResults, n: int) -> JobView:
    """Prepare one job; `n` counts from 1 and makes its anchors."""
    write = money(job.dataset.currency)
    names = short_names([run.model for run in job.runs])
    lending = job.request.mode == "loan"
    verdicts = (
        tuple((names[run.model], loan_verdict(job, run)) for run in job.runs)
        if lending
        else (("", arena_verdict(job)),)
    )
    loans = (
        tuple(_loan(job, run, run.loan, names[run.model]) for run in job.runs if run.loan)
        if lending
        else ()
    )
    return JobView(
        job=job,
        key=f"job-{n}",
        kind="Self-funding loan" if lending else "Trading arena",
        asked=_asked_loan(job, write) if lending else _asked_arena(job, write),
        verdicts=verdicts,
        arena=None if lending else _arena(job),
        loans=loans,
        runs=tuple(
            RunRecord(names[run.model], run, write, tuple(decision_rows(run.decisions)))
            for run in job.runs
        ),
        write=write,
    )


def _costs_asked(request: SimulationRequest) -> str:
    parts = cost_words(request.execution)
    return f"paying {listing(parts)} a trade" if parts else "paying nothing for trades"


def _asked_arena(job: JobResults, write: Writer) -> str:
    request = job.request
    names = short_names(list(request.models))
    each = "each " if len(names) > 1 else ""
    return (
        f"{count(len(names), 'model').capitalize()} – {listing(names.values())} – could "
        f"{each}trade {_traded(job)} of the data set “{job.dataset.name}” "
        f"from {day(request.start_date)} to {day(request.end_date)}, asked {request.cadence}, "
        f"starting with {write(request.cash)} and {_costs_asked(request)}.{_covered(job)}"
    )


def _traded(job: JobResults) -> str:
    used = job.universe_used
    if used is None:
        return count(len(job.universe), "symbol")
    went = (
        f"{used.members_at_start} at the start, {len(used.entered)} entered, {len(used.left)} left"
    )
    return f"the members of “{used.name}” ({went})"


def _covered(job: JobResults) -> str:
    """Say which sessions there really were where the dates asked for are not among them."""
    curves = [run.curve.sessions for run in job.runs if run.curve.sessions]
    curves += [yardstick.sessions for yardstick in job.benchmarks if yardstick.sessions]
    if not curves:
        return " No session was run."
    first, last = min(days[0] for days in curves), max(days[-1] for days in curves)
    if (first, last) == (job.request.start_date, job.request.end_date):
        return ""
    if first == last:
        return f" The only session was on {day(first)}."
    return f" The first session was on {day(first)}, the last on {day(last)}."


def _asked_loan(job: JobResults, write: Writer) -> str:
    request = job.request
    if request.application is None:
        return ""
    form = request.application.application
    return (
        f"{form.borrower_name} asked for {write(form.principal)} at {rate(form.rate_annual)} over "
        f"{count(form.term_months, 'month')} ({form.purpose}). "
        f"{percent(form.invested_share, 0)} of it is to be invested, to help pay the instalments; "
        f"the rest is paid out on {day(form.disbursed_on)}. The first instalment is due on "
        f"{day(form.first_due_on)}; the "
        f"simulation runs until {day(request.end_date)} on the data set “{job.dataset.name}”, "
        f"{_costs_asked(request)}.{_covered(job)}"
    )


def _arena(job: JobResults) -> ArenaView | None:
    models, yardsticks = standings(job)
    if not models:
        return None
    columns = (*models, *yardsticks)
    write = money(job.dataset.currency)
    return ArenaView(
        equity=equity_figure(models, yardsticks, job.dataset.currency),
        drawdowns=tuple(drawdown_figures(models, yardsticks)),
        exposures=tuple(exposure_figures(models)),
        columns=columns,
        falls=tuple((one.name, fall_rows(one.run)) for one in models if one.run and one.run.score),
        metrics=tuple(metric_rows(columns, write)),
        intervals=interval_words(models),
        costs=cost_table(
            [Charged(one.name, one.style, one.run, one.capital) for one in models if one.run], write
        ),
        traders=tuple(one.name for one in models),
        trips=trip_rows(models, write),
        stops=tuple(found for one in models if one.run and (found := stops_of(one.name, one.run))),
        quiet=_quiet(models),
        together=_together(job),
        months=tuple((one.name, monthly_returns(one)) for one in columns),
        yardstick=yardsticks[0].name if yardsticks else "",
    )


def _together(job: JobResults) -> str:
    """Say which models move together; names are written as the report writes them."""
    if not job.strategy_breakers:
        return ""
    names = short_names(list(job.request.models))
    said = "; ".join(event.message for event in job.strategy_breakers)
    for full, short in names.items():
        said = said.replace(full, short)
    return f"Were the models strategies of one portfolio, at the end: {said}."


def _quiet(models: Sequence[Standing]) -> str:
    scored = [one for one in models if one.run and one.run.score]
    quiet = [one.name for one in scored if one.run and stops_of(one.name, one.run) is None]
    if not quiet:
        return ""
    rest = f" for {listing(quiet)}" if len(quiet) < len(scored) else ""
    return f"No breaker tripped{rest}."


def _loan(job: JobResults, run: RunResult, loan: LoanResult, name: str) -> LoanView:
    currency = job.dataset.currency
    write = money(currency)
    split, keys = _split(loan, write)
    cover = loan.coverage
    simulation = loan.simulation
    return LoanView(
        name=name,
        verdict=loan_verdict(job, run),
        outcome=outcome(run, loan),
        loan=loan,
        split=split,
        split_keys=keys,
        fund_bullet=_bullet(float(cover.fund_coverage), "p1", "Fund coverage", ((1.0, "1.00"),)),
        payment_bullet=_bullet(
            float(cover.payment_coverage),
            "p2",
            "Payment coverage",
            ((float(cover.emergency), "emergency "), (float(cover.target), "target ")),
        ),
        payers=payers_figure(loan, currency) if loan.months else None,
        fund=fund_figure(run, loan, currency) if loan.months else None,
        chances=tuple(shortfall_figures(simulation, currency)) if simulation else (),
        residual=_residual(loan, write),
        rows=tuple(instalment_rows(loan, write)),
        plain=tuple(_plain(loan, write)),
        metrics=tuple(fund_rows(run.metrics)) if run.metrics and loan.months else (),
        costs=cost_table([Charged(name, "p1", run, loan.invested)], write) if run.trades else None,
        stops=stops_of(name, run) if enforced(run) else None,
    )


def _split(loan: LoanResult, write: Writer) -> tuple[Markup, tuple[Key, ...]]:
    whole = loan.schedule.principal
    fee = whole - loan.invested - loan.paid_out
    parts = [
        (loan.invested, "p1", "invested"),
        (loan.paid_out, "p2", "paid out to the borrower"),
        (fee, "p3", "kept as fee"),
    ]
    told = [(v, style, f"{write(v)} {text}") for v, style, text in parts if v > ZERO]
    label = f"Of {write(whole)}: {listing(text for _, _, text in told)}."
    bar = share_bar([(float(v / whole), style) for v, style, _ in told], label=label)
    return bar, tuple(Key(style, text, swatch="box") for _, style, text in told)


def _bullet(value: float, style: str, name: str, marks: Sequence[tuple[float, str]]) -> Markup:
    top = max(1.5, value * 1.1)
    written = [
        (at, text if text[0].isdigit() else "" if k == 0 else f"{number(marks[0][0], 1)} and "
         f"{number(at, 1)}")
        for k, (at, text) in enumerate(marks)
    ]  # fmt: skip
    label = f"{name} {number(value)}; marks at {listing(number(at) for at, _ in marks)}."
    return bullet(value, top=top, marks=written, style=style, label=label)


def _residual(loan: LoanResult, write: Writer) -> Markup | None:
    if loan.simulation is None:
        return None
    found = loan.simulation.residual_at_maturity
    values = (found.p5, found.p25, found.p50, found.p75, found.p95)
    notes = [write(value) for value in values]
    label = f"Fund at maturity: median {notes[2]}, nine in ten between {notes[0]} and {notes[4]}."
    return quantile_strip([float(v) for v in values], label=label, notes=notes)


def _plain(loan: LoanResult, write: Writer) -> Iterator[tuple[str, ...]]:
    """The self-funding loan as expected, then plain loans at their rates."""
    found = loan.comparison
    if found is None:
        return
    yield (
        f"this loan, the fund earning {rate(found.fund_return_annual)}",
        rate(loan.schedule.rate_annual),
        write(found.expected_outlay_monthly, 2),
        write(found.expected_total_cost, 2),
        "",
    )
    for case in (found.same_rate, *found.sensitivities):
        name = "plain loan"
        if case is found.same_rate:
            name += " at the same rate"
        elif found.break_even_plain_rate_annual == case.rate_annual:
            name += " at the rate where both cost the same"
        yield (
            name,
            rate(case.rate_annual),
            write(case.instalment, 2),
            write(case.total_cost, 2),
            write(case.self_funding_advantage, 2, plus=True),
        )
