"""Names that give a company away, whoever lists it: read once from `well_known.json`."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_LEGAL = (
    r"incorporated|inc|corporation|corp|company|companies|co|limited|ltd|plc|llc|lp|n\.?v|s\.?a"
    r"|a\.?g|s\.?e|group|holdings?|class [a-c]|common stock|ordinary shares|adr|\(the\)|the"
)
_SUFFIXES = re.compile(rf"(?:,?\s+(?:&\s*)?(?:{_LEGAL})\.?)+$", re.IGNORECASE)
_ARTICLE = re.compile(r"^the\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WellKnown:
    """What the world knows without asking a data set."""

    ordinary: frozenset[str]
    """Tickers that in prose are ordinary words: they count where they are marked as tickers."""
    capitalised: frozenset[str]
    """Names that are ordinary words, or parts of them, when they are written small."""
    names: Mapping[str, tuple[str, ...]]
    """Ticker -> names of the company, the best one first."""
    words: Mapping[str, tuple[str, ...]]
    """Ticker -> products and people that give the company away."""


@functools.cache
def well_known() -> WellKnown:
    """Return the list that comes with the program; it is not complete, and cannot be."""
    read = json.loads(files("adapters.masking").joinpath("well_known.json").read_text("utf-8"))
    companies = read["companies"].items()
    return WellKnown(
        ordinary=frozenset(read["ordinary"].split()),
        capitalised=frozenset(read["capitalised"].split()),
        names={ticker: tuple(names) for ticker, (names, _) in companies},
        words={ticker: tuple(words) for ticker, (_, words) in companies},
    )


def shorter(name: str) -> tuple[str, ...]:
    """Return a company's name without its legal form, where that leaves a name."""
    bare = _SUFFIXES.sub("", _ARTICLE.sub("", name.strip())).strip(" ,")
    return (bare,) if len(bare) > 2 and bare != name else ()
