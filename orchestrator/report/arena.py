"""What the numbers of a trading job say: standings, and a verdict in plain sentences.

Every sentence is computed. "After costs" is literal: the models' curves have paid theirs, the
yardsticks pay none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orchestrator.report.orders import ended, fate_of, hindered, untraded
from orchestrator.report.stops import held_back
from orchestrator.report.words import (
    count,
    listing,
    money,
    number,
    percent,
    points,
    sentence,
    short_names,
    spoken,
)
from schemas.metrics import PerformanceMetrics
from schemas.results import CostSummary, JobResults, RunResult

CHANCE = 2.0
"""A t statistic below this arises by chance too often to be taken for skill."""


@dataclass(frozen=True)
class Verdict:
    """What happened, said first: a headline, labelled sentences, and figures beside them."""

    headline: str
    sentences: tuple[tuple[str, str], ...]
    tiles: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Standing:
    """One curve from the starting capital to the end, a model's or a yardstick's."""

    name: str
    sessions: tuple[date, ...]
    equity: tuple[Decimal, ...]
    capital: Decimal
    metrics: PerformanceMetrics | None
    style: str
    costs: CostSummary | None = None
    run: RunResult | None = None
    about: str = ""

    @property
    def end(self) -> Decimal:
        """The last equity."""
        return self.equity[-1]

    @property
    def gain(self) -> float:
        """The last equity over the starting capital, minus one."""
        return float(self.end / self.capital) - 1

    @property
    def traded(self) -> bool:
        """Whether there is anything to judge: a model that never traded is cash."""
        return self.run is None or bool(self.run.trades)

    def growth(self) -> list[float]:
        """Return the curve in units of the capital, which stands before the first session."""
        return [1.0, *(float(value / self.capital) for value in self.equity)]

    def drawdown(self) -> tuple[tuple[date, float], ...]:
        """Return each session's fall from the highest so far, the capital included."""
        peak = 1.0
        falls: list[tuple[date, float]] = []
        for when, value in zip(self.sessions, self.growth()[1:], strict=True):
            peak = max(peak, value)
            falls.append((when, value / peak - 1))
        return tuple(falls)


def standings(job: JobResults) -> tuple[list[Standing], list[Standing]]:
    """Return the models' and the yardsticks' standings; a run without a session has none."""
    names = short_names([run.model for run in job.runs])
    capital = job.request.cash
    models = [
        Standing(
            name=names[run.model],
            sessions=run.curve.sessions,
            equity=run.curve.equity,
            capital=capital,
            metrics=run.metrics,
            style=f"s{k % 7 + 1} t{k // 7 % 3}",
            costs=run.costs,
            run=run,
        )
        for k, run in enumerate(job.runs)
        if run.curve.sessions
    ]
    yardsticks = [
        Standing(
            name=_apart(benchmark.name, [model.name for model in models]),
            sessions=benchmark.sessions,
            equity=benchmark.equity,
            capital=capital,
            metrics=benchmark.metrics,
            style=f"b{k % 3 + 1}",
            about=benchmark.description,
        )
        for k, benchmark in enumerate(job.benchmarks)
        if benchmark.sessions
    ]
    return models, yardsticks


def _apart(name: str, taken: Sequence[str]) -> str:
    return f"{name} (yardstick)" if name.lower() in {t.lower() for t in taken} else name


def lead_t(one: Standing, other: Standing) -> float | None:
    """Return the t statistic of the mean daily lead of one curve over another; None undefined."""
    if one.sessions != other.sessions:
        return None
    mine, theirs = one.growth(), other.growth()
    leads = [
        a1 / a0 - b1 / b0
        for a0, a1, b0, b1 in zip(mine, mine[1:], theirs, theirs[1:], strict=False)
        if a0 > 0 and b0 > 0
    ]
    n = len(leads)
    if n < 30:
        return None
    mean = math.fsum(leads) / n
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in leads) / (n - 1))
    return mean / spread * math.sqrt(n) if spread > 1e-12 else None


def arena_verdict(job: JobResults) -> Verdict:
    """Say which models beat which yardstick, by how much, and what that is worth.

    Only runs that finished and traded are compared; one that never traded is cash.
    """
    started, yardsticks = standings(job)
    finished = [one for one in started if one.run and one.run.state == "completed"]
    models = [one for one in finished if one.traded]
    idle = [one for one in finished if not one.traded]
    apart = [*_idle(idle, job.dataset.currency), *_hindered(models)]
    apart += [
        ("Circuit breakers", told)
        for one in finished
        if (told := one.run and held_back(one.name, one.run))
    ]
    apart += [("Did not finish", said) for said in _unfinished(job)]
    if not models:
        headline = _none_traded(idle) if idle else "No run finished, so nothing is compared."
        return Verdict(headline, tuple(apart), _tiles(job, None, yardsticks) if idle else ())
    said = [*_compared(models, yardsticks, job.dataset.currency), *apart]
    headline = _headline(models, yardsticks, idle)
    best = max(models, key=lambda one: one.end)
    return Verdict(headline, tuple(said), _tiles(job, best, yardsticks))


def _compared(
    models: list[Standing], yardsticks: list[Standing], currency: str
) -> list[tuple[str, str]]:
    """Compare models that finished and traded."""
    best = max(models, key=lambda one: one.end)
    said = [("The best", _best(best, yardsticks, currency, alone=len(models) == 1))]
    said += [(f"Against {other.name}", _against(models, other)) for other in yardsticks]
    said += [("Against holding", text) for text in _hold(models)]
    if yardsticks and best.end > _strongest(yardsticks).end:
        hardest = _strongest(yardsticks)
        said += [("Luck or skill", text) for text in _luck(best, hardest, len(models))]
    said += [("Risk", text) for text in _risk(best, yardsticks)]
    said += [("Costs", text) for text in _costs(models, currency)]
    return said + [("The model’s tokens", text) for text in _tokens(models, currency)]


def _none_traded(idle: list[Standing]) -> str:
    if len(idle) == 1:
        return f"{idle[0].name} never traded."
    return f"{'Neither' if len(idle) == 2 else 'None'} of the {count(len(idle), 'model')} traded."


def _idle(idle: list[Standing], currency: str) -> list[tuple[str, str]]:
    write = money(currency)
    told = [(one, untraded(fate_of(one.run))) for one in idle if one.run]
    end = "in cash throughout, so it is compared with nothing."
    return [
        ("Never traded", f"{one.name} never traded: {why}. It held its {write(one.end)} {end}")
        for one, why in told
    ]


def _hindered(models: list[Standing]) -> list[tuple[str, str]]:
    told = [(one.name, hindered(fate_of(one.run))) for one in models if one.run]
    return [("Orders refused", f"{name}: {said}.") for name, said in told if said]


def _unfinished(job: JobResults) -> list[str]:
    names = short_names([run.model for run in job.runs])
    return [
        f"{names[run.model]} ({run.state.replace('_', ' ')})"
        + (f": {sentence(run.error)}" if run.error else ".")
        for run in job.runs
        if run.state != "completed"
    ]


def _headline(models: list[Standing], yardsticks: list[Standing], idle: list[Standing]) -> str:
    """Count the winners over the first yardstick, and over the strongest if that is another.

    Says who never traded, and that the others are counted without them.
    """
    rest = f"; {listing(one.name for one in idle)} never traded." if idle else "."
    if not yardsticks:
        return f"{count(len(models), 'model').capitalize()} traded; there is no yardstick{rest}"
    first, hardest = yardsticks[0], _strongest(yardsticks)
    who = _winners(models, first, " that traded" if idle else "")
    text = f"{who} beat {first.name} after costs"
    if hardest is first:
        return text + rest
    if len(models) == 1:
        verb = "it beat" if models[0].end > hardest.end else "it did not beat"
        return f"{text}; {verb} {hardest.name}{rest}"
    beat = sum(one.end > hardest.end for one in models)
    return f"{text}; {spoken(beat) if beat else 'none'} beat {hardest.name}{rest}"


def _strongest(yardsticks: list[Standing]) -> Standing:
    return max(yardsticks, key=lambda one: one.end)


def _winners(models: list[Standing], other: Standing, which: str) -> str:
    beat = sum(one.end > other.end for one in models)
    if len(models) == 1:
        return models[0].name if beat else f"{models[0].name} did not"
    if beat == len(models):
        return f"Both models{which}" if beat == 2 else f"All {count(beat, 'model')}{which}"
    if beat:
        return f"{spoken(beat).capitalize()} of {count(len(models), 'model')}{which}"
    return f"None of the {count(len(models), 'model')}{which}"


def _best(best: Standing, yardsticks: list[Standing], currency: str, *, alone: bool) -> str:
    write = money(currency)
    text = (
        f"{best.name} {'turned' if alone else 'did best: it turned'} {write(best.capital)} into "
        f"{write(best.end)} ({percent(best.gain, plus=True)})"
    )
    return f"{text}, {_distance(best, yardsticks[0])}." if yardsticks else text + "."


def _distance(one: Standing, other: Standing) -> str:
    if one.end == other.end:
        return f"the same as {other.name}"
    lead = one.gain - other.gain
    word = "more" if lead > 0 else "less"
    return f"{points(lead)} {word} than {other.name} ({percent(other.gain, plus=True)})"


def _against(models: list[Standing], other: Standing) -> str:
    ranked = sorted(models, key=lambda m: -m.end)
    ahead = [_by(m, other) for m in ranked if m.end > other.end]
    level = [m.name for m in ranked if m.end == other.end]
    behind = [_by(m, other) for m in ranked if m.end < other.end]
    parts = [
        f"{word} {listing(found)}"
        for word, found in (("ahead:", ahead), ("level:", level), ("behind:", behind))
        if found
    ]
    return f"It returned {percent(other.gain, plus=True)} without costs; {'; '.join(parts)}."


def _by(one: Standing, other: Standing) -> str:
    return f"{one.name} ({number((one.gain - other.gain) * 100, 1, plus=True)} points)"


def _hold(models: list[Standing]) -> list[str]:
    hold = next((m for m in models if m.run and m.run.model.endswith(":buy-and-hold")), None)
    others = [m for m in models if m is not hold]
    if hold is None or not others:
        return []
    kept = percent(hold.gain, plus=True)
    ahead = sorted((m for m in others if m.end > hold.end), key=lambda m: -m.end)
    if ahead:
        beaten = f"beaten by {listing(_by(m, hold) for m in ahead)}"
        return [f"Simply buying and holding returned {kept} after its costs and was {beaten}."]
    rest = "the other model" if len(others) == 1 else f"any of the other {spoken(len(others))}"
    return [f"Simply buying and holding returned {kept} after its costs: not less than {rest}."]


def _luck(best: Standing, other: Standing, models: int) -> list[str]:
    t = lead_t(best, other)
    if t is None:
        return []
    lead = f"{best.name}’s mean daily lead over {other.name} has a t statistic of {number(t, 1)}"
    tried = f" It is also the best of {models}, which flatters it." if models > 1 else ""
    if t < CHANCE:
        return [f"{lead}; below {CHANCE:.0f} a lead may well be luck rather than skill.{tried}"]
    return [f"{lead}, more than chance explains easily.{tried}"]


def _risk(best: Standing, yardsticks: list[Standing]) -> list[str]:
    if not best.metrics or not yardsticks or not yardsticks[0].metrics:
        return []
    mine, theirs = best.metrics.max_drawdown, yardsticks[0].metrics.max_drawdown
    fell = f"{best.name} fell {percent(-mine)} from its peak"
    return [f"On the way {fell}; {yardsticks[0].name} fell {percent(-theirs)}."]


def _costs(models: list[Standing], currency: str) -> list[str]:
    write = money(currency)
    paid = sorted((m.costs.total, m.name) for m in models if m.costs)
    if not paid:
        return []
    (least, low), (most, high) = paid[0], paid[-1]
    what = f"{_paid_for(models)} cost"
    if len(paid) == 1:
        return [f"{what} {write(least, 2)}, which is already subtracted."]
    span = f"from {write(least, 2)} ({low}) to {write(most, 2)} ({high})"
    return [f"{what} {span}, already subtracted; the yardsticks pay nothing."]


def _paid_for(models: list[Standing]) -> str:
    costs = [model.costs for model in models if model.costs]
    kinds = [
        ("trading", True),
        ("financing", any(cost.financing for cost in costs)),
        ("tokens", any(cost.model_spend for cost in costs)),
    ]
    return listing(name for name, some in kinds if some).capitalize()


def _tokens(models: list[Standing], currency: str) -> list[str]:
    """Say what tokens did to the model that spent the most on them."""
    spent = [(m.costs.model_spend, m) for m in models if m.costs and m.costs.model_spend]
    if not spent:
        return []
    most, one = max(spent, key=lambda each: each[0])
    which = (
        f"{one.name}’s tokens cost" if len(spent) == 1 else f"{one.name} spent the most on them:"
    )
    text = f"{which} {money(currency)(most, 2)}, already subtracted"
    free = one.run.score.without_model_spend if one.run and one.run.score else None
    if free is None:
        return [text + "."]
    with_them, without = (percent(v, 2, plus=True) for v in (one.gain, free.total_return))
    return [f"{text}. It returned {with_them}; had they been free, {without}."]


def _tiles(
    job: JobResults, best: Standing | None, yardsticks: list[Standing]
) -> tuple[tuple[str, str, str], ...]:
    tiles = [("Best model", percent(best.gain, plus=True), best.name)] if best else []
    for k, other in enumerate(yardsticks[:2], 1):
        label = f"Yardstick {k}" if len(yardsticks) > 1 else "Yardstick"
        tiles.append((label, percent(other.gain, plus=True), other.name))
    refused = sum(len(run.refused_orders) for run in job.runs)
    trades = sum(len(run.trades) for run in job.runs)
    failed = ended([order for run in job.runs for order in run.refused_orders])
    tiles.append(("Trades", f"{trades:,}", f"{count(refused, 'order')} {failed}"))
    return tuple(tiles)
