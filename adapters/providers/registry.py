"""All providers of one installation, from plain values: settings and configuration come in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.providers.alpaca import Alpaca, Feed
from adapters.providers.alpaca_http import SETTINGS as ALPACA_SETTINGS
from adapters.providers.alphavantage import AlphaVantage
from adapters.providers.bundled import Bundled
from adapters.providers.files import Files
from adapters.providers.fred import Fred
from adapters.providers.http import Access
from adapters.providers.pace import Limits, Pace, Timing
from interfaces.clock import WallClock
from interfaces.market import MarketData
from interfaces.providers import DataProvider
from interfaces.sources import Sources
from schemas.downloads import FactKind

_KEYS = {
    "alpaca": (ALPACA_SETTINGS[0], "APCA-API-KEY-ID"),
    "alphavantage": ("ALPHAVANTAGE_API_KEY", "apikey"),
    "fred": ("FRED_API_KEY", "api_key"),
}
"""The variable that holds a vendor's key, and the query parameter (Alpaca: header) it travels in.

Alpaca has a second key, which is in the second of its settings.
"""


@dataclass(frozen=True, slots=True)
class VendorPlan:
    """How one vendor is asked; without a key it is built all the same and raises when asked.

    `secret` and `feed` are Alpaca's alone, `adjusted` is Alpha Vantage's.
    """

    base_url: str
    limits: Limits
    key: str | None = field(default=None, repr=False)
    adjusted: bool = False
    secret: str | None = field(default=None, repr=False)
    feed: Feed = "iex"


def build_providers(
    plans: Mapping[str, VendorPlan],
    *,
    home: Path,
    timing: Timing,
    bundled: Callable[[], MarketData],
) -> dict[str, DataProvider]:
    """Build `files` (over `home/files`), `bundled`, and every vendor that has a plan.

    What vendors were asked is written down in `home/providers`.
    """
    built: dict[str, DataProvider] = {
        "files": Files(home / "files"),
        "bundled": Bundled(bundled, timing.clock),
    }
    for name, plan in plans.items():
        if name not in _KEYS:
            continue
        access = Access(name, plan.base_url, *_KEYS[name], plan.key)
        state = home / "providers" / f"{name}.json"
        pace = Pace(name, plan.limits, state=state, timing=timing)
        if name == "alpaca":
            built[name] = Alpaca(access, pace, secret=plan.secret, feed=plan.feed)
        elif name == "fred":
            built[name] = Fred(access, pace)
        else:
            built[name] = AlphaVantage(access, pace, adjusted=plan.adjusted)
    return built


def as_sources(
    providers: Mapping[str, DataProvider],
    order: Mapping[FactKind, Sequence[str]],
    plans: Mapping[str, VendorPlan],
) -> Sources:
    """Set those apart that lack a key, each with the sentence that says what to set."""
    unset = {
        name: f"{name} needs a key: set {' and '.join(lacking)}"
        for name in _KEYS
        if name in providers and (lacking := _lacking(name, plans[name]))
    }
    ready = {name: each for name, each in providers.items() if name not in unset}
    return Sources(providers=ready, order=order, unset=unset)


def _lacking(name: str, plan: VendorPlan) -> list[str]:
    """Return the settings that a vendor wants and that are not set."""
    wanted = [(_KEYS[name][0], plan.key)]
    if name == "alpaca":
        wanted.append((ALPACA_SETTINGS[1], plan.secret))
    return [setting for setting, value in wanted if not value]


def system_timing(clock: WallClock) -> Timing:
    """Return time and waiting as they are."""
    return Timing(clock=clock, sleep=time.sleep, random=random.random)
