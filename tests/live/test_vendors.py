"""Each vendor for real, with the key that the environment has; `make test-live`."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.providers.alpaca import Alpaca
from adapters.providers.pace import Limits
from adapters.providers.registry import VendorPlan, build_providers, system_timing
from config.providers import load_providers
from config.settings import load_settings
from interfaces.providers import DataProvider
from schemas.errors import NotFound

pytestmark = [
    pytest.mark.live,
    # Alpaca's library imports what is deprecated in another.
    pytest.mark.filterwarnings("ignore:websockets.legacy is deprecated:DeprecationWarning"),
]


def live(name: str, home: Path) -> DataProvider:
    """Build a vendor with its real address; skip where there is no key."""
    settings = load_settings()
    wanted = [f"{name}_api_key", *(["alpaca_secret_key"] if name == "alpaca" else [])]
    keys = [getattr(settings, each) for each in wanted]
    for each, key in zip(wanted, keys, strict=True):
        if key is None:
            pytest.skip(f"{each.upper()} is not set")
    values = [key.get_secret_value() for key in keys]
    vendor = load_providers().vendors[name]
    limits = Limits(vendor.per_minute, vendor.per_day, vendor.attempts, vendor.deadline_seconds)
    plan = VendorPlan(vendor.base_url, limits, values[0], vendor.adjusted, secret=values[-1])
    built = build_providers(
        {name: plan},
        home=home,
        timing=system_timing(SystemClock()),
        bundled=lambda: pytest.fail("not asked for"),
    )
    return built[name]


def test_fred_knew_of_the_first_quarter_of_2020_in_several_vintages(tmp_path: Path) -> None:
    rows = list(live("fred", tmp_path).macro("GDP", date(2020, 1, 1), date(2020, 1, 1)))
    assert len(rows) >= 3
    # The advance estimate was released on 29 April 2020 at 08:30.
    assert rows[0].known_time == datetime(2020, 4, 30, 4, tzinfo=UTC)
    assert rows[0].value == pytest.approx(21_540, abs=10)


def test_fred_has_every_listed_series(tmp_path: Path) -> None:
    fred = live("fred", tmp_path)
    for listed in load_providers().series:
        assert list(fred.macro(listed.series, date(2023, 1, 1), date(2023, 6, 30))), listed.series


def test_fred_cuts_a_daily_series_with_thousands_of_vintages(tmp_path: Path) -> None:
    rows = list(live("fred", tmp_path).macro("DGS10", date(2015, 1, 2), date(2015, 1, 9)))
    assert {row.period for row in rows} >= {date(2015, 1, 2), date(2015, 1, 9)}
    assert all(row.known_time.date() > row.period for row in rows)


def test_alpha_vantage_has_recent_bars(tmp_path: Path) -> None:
    today = SystemClock().now().date()
    start = date.fromordinal(today.toordinal() - 30)
    [bars] = live("alphavantage", tmp_path).bars("IBM", start, today)
    assert 15 <= len(bars.columns["date"]) <= 23


def test_alpha_vantage_knows_the_split_of_apple_in_2020(tmp_path: Path) -> None:
    actions = live("alphavantage", tmp_path).actions("AAPL", date(2020, 8, 1), date(2020, 9, 30))
    [split] = [action for action in actions if action.kind == "split"]
    assert (split.ex_date, split.ratio) == (date(2020, 8, 31), 4)


def test_alpaca_has_recent_bars_as_traded(tmp_path: Path) -> None:
    today = SystemClock().now().date()
    start = date.fromordinal(today.toordinal() - 30)
    [bars] = live("alpaca", tmp_path).bars("AAPL", start, today)
    assert 15 <= len(bars.columns["date"]) <= 23
    [before] = live("alpaca", tmp_path).bars("AAPL", date(2020, 8, 27), date(2020, 8, 31))
    closes = [float(text) for text in before.columns["close"]]
    assert closes[0] > 3 * closes[-1], "the split of 31 August 2020 is in the prices"


def test_alpaca_knows_the_splits_and_dividends_of_apple_and_a_change_of_name(
    tmp_path: Path,
) -> None:
    alpaca = live("alpaca", tmp_path)
    found = list(alpaca.actions("AAPL", date(2020, 8, 1), date(2020, 9, 30)))
    [split] = [action for action in found if action.kind == "split"]
    assert (split.ex_date, split.ratio) == (date(2020, 8, 31), 4)
    assert any(action.kind == "cash_dividend" for action in found)
    changes = list(alpaca.actions("META", date(2022, 6, 1), date(2022, 6, 30)))
    assert [change.new_symbol for change in changes if change.kind == "ticker_change"] == ["META"]


def test_alpaca_tells_a_quiet_symbol_from_one_that_is_not_known(tmp_path: Path) -> None:
    alpaca = live("alpaca", tmp_path)
    assert list(alpaca.actions("BRK.A", date(2024, 1, 1), date(2024, 1, 31))) == []
    with pytest.raises(NotFound):
        list(alpaca.bars("NOSUCHSYM", date(2024, 1, 2), date(2024, 1, 31)))


def test_alpaca_has_dated_news(tmp_path: Path) -> None:
    documents = list(live("alpaca", tmp_path).news("AAPL", date(2024, 1, 10), date(2024, 1, 11)))
    assert documents
    assert all(each.published_at and each.published_at <= each.known_time for each in documents)


def test_alpaca_has_quotes_and_its_stream_takes_our_keys(tmp_path: Path) -> None:
    alpaca = live("alpaca", tmp_path)
    assert isinstance(alpaca, Alpaca)
    [quote] = alpaca.latest(["AAPL"])
    assert quote.bid > 0

    async def listen() -> None:
        """Refused keys would raise; outside trading hours nothing comes."""
        stream = alpaca.stream(["AAPL"])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(anext(stream), 15)

    asyncio.run(listen())
