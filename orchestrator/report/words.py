"""Numbers, dates and lists as a reader wants them; pure, and the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

Number = Decimal | float | int
Writer = Callable[..., str]
"""Writes an amount in a currency: `(value, places, *, plus)`."""
SMALL = 1000
"""Amounts below this show their cents."""
MINUS = "\u2212"
THIN = "\u202f"
NONE = "–"
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS_FULL = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def _signed(value: Number, text: str, *, plus: bool) -> str:
    zero = not any(digit in text for digit in "123456789")
    if value < 0 and not zero:
        return MINUS + text
    return f"+{text}" if plus and not zero else text


def number(value: Number, places: int = 2, *, plus: bool = False) -> str:
    """Write a number with separated thousands and a true minus sign."""
    return _signed(value, f"{abs(value):,.{places}f}", plus=plus)


def money(currency: str) -> Writer:
    """Return a writer of amounts: in whole units, broken ones below a thousand with cents."""
    sign = _SIGNS.get(currency, currency + "\u00a0")

    def write(value: Number, places: int | None = None, *, plus: bool = False) -> str:
        if places is None:
            places = 2 if abs(value) < SMALL and value != int(value) else 0
        return _signed(value, f"{sign}{abs(value):,.{places}f}", plus=plus)

    return write


def percent(value: Number, places: int = 1, *, plus: bool = False) -> str:
    """Write a decimal as per cent: 0.123 is 12.3 %."""
    return number(float(value) * 100, places, plus=plus) + THIN + "%"


def points(value: float) -> str:
    """Write a difference of two shares in percentage points, without its sign."""
    return f"{abs(value) * 100:,.1f} percentage points"


def rate(value: Number) -> str:
    """Write a rate in per cent with as many places as it needs, at most two."""
    text = f"{float(value) * 100:,.2f}".rstrip("0").rstrip(".")
    return text.replace("-", MINUS) + THIN + "%"


def quantity(value: Decimal) -> str:
    """Write units without needless zeros."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def day(value: date) -> str:
    """Write a date in words: 2 January 2020."""
    return f"{value.day}\u00a0{_MONTHS_FULL[value.month - 1]} {value.year}"


def spoken(n: int) -> str:
    """Write a count: in words up to ten, then in digits."""
    return _SMALL[n] if n < len(_SMALL) else f"{n:,}"


def count(n: int, noun: str) -> str:
    """Write a count with its noun: `one model`, `1,204 trades`."""
    return f"{spoken(n)} {noun if n == 1 else noun + 's'}"


def listing(items: Iterable[str], last: str = "and") -> str:
    """Join as in speech: `a, b and c`."""
    parts = list(items)
    return (
        f" {last} ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
    )


def sentence(text: str) -> str:
    """Give a sentence its capital and its full stop."""
    text = text.strip()
    ended = text if text.endswith((".", "!", "?")) else text + "."
    return ended[:1].upper() + ended[1:]


def human(name: str) -> str:
    """Read an identifier as words: `alpha_trading` is `alpha trading`."""
    return name.replace("_", " ")


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Drop the provider of a model's name where what is left is still unique."""
    tails = [model.split(":", 1)[-1] for model in models]
    return {
        model: tail if tail and tails.count(tail) == 1 else model
        for model, tail in zip(models, tails, strict=True)
    }


def date_list(days: Sequence[date]) -> list[tuple[str, str]]:
    """Group days by month, compactly: `("Jan 2020", "2 3 6 7")`."""
    months: dict[str, list[str]] = {}
    for value in days:
        months.setdefault(f"{MONTHS[value.month - 1]} {value.year}", []).append(str(value.day))
    return [(month, " ".join(found)) for month, found in months.items()]
