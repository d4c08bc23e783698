"""Each vendor for real, with the key that the environment has; `make test-live`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.providers.pace import Limits
from adapters.providers.registry import VendorPlan, build_providers, system_timing
from config.providers import load_providers
from config.settings import load_settings
from interfaces.providers import DataProvider

pytestmark = pytest.mark.live


def live(name: str, home: Path) -> DataProvider:
    """Build a vendor with its real address; skip where there is no key."""
    secret = getattr(load_settings(), f"{name}_api_key")
    if secret is None:
        pytest.skip(f"{name.upper()}_API_KEY is not set")
    vendor = load_providers().vendors[name]
    limits = Limits(vendor.per_minute, vendor.per_day, vendor.attempts, vendor.deadline_seconds)
    plan = VendorPlan(vendor.base_url, limits, secret.get_secret_value(), vendor.adjusted)
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
