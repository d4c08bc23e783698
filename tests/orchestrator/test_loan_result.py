"""What a loan's result foresees comes from the prices that were known when it was decided."""

from __future__ import annotations

from datetime import date

from interfaces.market import MarketView
from orchestrator.loan_life import loan_of
from orchestrator.loan_result import loan_result
from schemas.loan import CoverageSimulation
from tests.orchestrator.markets import DAYS, EXCHANGE, NYSE, SYMBOLS, market
from tests.orchestrator.runs import lending


def test_a_symbol_listed_later_does_not_silence_the_simulation_of_the_others() -> None:
    life = loan_of(lending(), NYSE.on_or_after)
    assert life is not None
    before = market().view(NYSE.opens_at(date(2020, 1, 15)))
    after = market().view(NYSE.closes_at(DAYS[-1]))

    def foreseen(universe: tuple[str, ...], view: MarketView = before) -> CoverageSimulation | None:
        return loan_result(life, (), known=view, universe=universe, seed=3).simulation

    whole = foreseen(SYMBOLS)  # FUTR is nobody's ticker yet
    assert whole is not None
    assert whole.source is not None
    assert whole.source.symbols == SYMBOLS[:-1]
    assert whole == foreseen(SYMBOLS[:-1])
    assert date(2020, 1, 15) < EXCHANGE
    assert foreseen(("FUTR",)) is None
    later = foreseen(SYMBOLS, after)
    assert later is not None
    assert later.source is not None
    assert later.source.symbols == SYMBOLS
