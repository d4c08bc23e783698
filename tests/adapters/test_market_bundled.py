"""The bundled data set: the market contract, and what is said about it."""

from __future__ import annotations

import gzip
import socket
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import skfolio

from adapters.calendar import ExchangeCalendar
from adapters.market.bundled import load_bundled
from adapters.market.table import PriceTable
from interfaces.calendar import TradingCalendar
from tests.contracts.market import MarketDataContract

DATA = Path(skfolio.__file__).parent / "datasets" / "data"


@pytest.fixture(scope="module")
def nyse() -> ExchangeCalendar:
    return ExchangeCalendar("XNYS")


@pytest.fixture(scope="module")
def bundled(nyse: ExchangeCalendar) -> PriceTable:
    return load_bundled(nyse)


class TestBundled(MarketDataContract):
    @pytest.fixture
    def market(self, bundled: PriceTable) -> PriceTable:
        return bundled

    @pytest.fixture
    def calendar(self, nyse: ExchangeCalendar) -> TradingCalendar:
        return nyse

    @pytest.fixture
    def session(self) -> date:
        return date(2020, 7, 6)


def test_every_price_is_the_one_in_the_package(bundled: PriceTable, nyse: ExchangeCalendar) -> None:
    rows = gzip.decompress((DATA / "sp500_dataset.csv.gz").read_bytes()).decode().splitlines()
    names = rows[0].split(",")[1:]
    for line in (rows[1], rows[2], rows[4000], rows[-1]):
        day, *prices = line.split(",")
        session = date.fromisoformat(day)
        view = bundled.view(nyse.opens_at(nyse.on_or_after(session.replace(year=2023))))
        for name, price in zip(names, prices, strict=True):
            bars = view.bars(name, start=session, end=session)
            assert bars.close.tolist() == [float(price)]
            assert np.isnan(bars.volume).all()


def test_stocks_and_funds_are_tradable_and_the_index_is_not(
    bundled: PriceTable, nyse: ExchangeCalendar
) -> None:
    info = bundled.info()
    assert len(info.symbols) == 25
    assert info.benchmarks == ("SPX",)
    before_the_funds = bundled.view(nyse.opens_at(date(2013, 6, 3))).symbols()
    assert len(before_the_funds) == 20
    assert "SPX" not in before_the_funds
    last = bundled.view(nyse.opens_at(date(2022, 12, 29))).last_close("SPX")
    assert last == (date(2022, 12, 28), 3783.22)


def test_its_limits_are_said(bundled: PriceTable) -> None:
    said = " ".join(bundled.info().caveats)
    for limit in ("survived", "rounded to 3 decimals", "carry the future", "at the close"):
        assert limit in said
    assert "flatters the stocks" in said


def test_every_session_of_the_data_is_one_of_the_exchange(
    bundled: PriceTable, nyse: ExchangeCalendar
) -> None:
    _, first, last, count = bundled.coverage()[0]
    assert (first, last) == (date(1990, 1, 2), date(2022, 12, 28))
    assert count == len(nyse.sessions(first, last))


def test_loading_needs_no_network(
    nyse: ExchangeCalendar, bundled: PriceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load_bundled(nyse).info() == bundled.info()
