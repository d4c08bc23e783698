"""Values between a run's own names and units and those of its model, field by field."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, cast

from pydantic import JsonValue

from adapters.masking.codebook import Codebook
from adapters.masking.fields import BySymbol, Fields, Kind, Shape, Wording
from adapters.masking.prose import Prose
from schemas.base import plain
from schemas.errors import BadConfiguration

_DAY = re.compile(r"\s*(\d{4})(?=-\d{2})")
_LOT = re.compile(r"(\d{4})(\d{2})(\d{2}-\d+)")
_SAID: Mapping[bool, tuple[str, ...]] = {
    False: (  # the gate's units, then those of the exchange and of the order path
        "selling # ",
        "exceeds the # held",
        "working sells by #;",
        "only # of ",
        " of # units fit",
        "cut from # to ",
        " to #: ",
        ": # held",
        "cut to the # that its parent",
        "# units filled became known",
    ),
    True: (  # prices
        " was #, its limit",
        "its limit is #",
        "its limit of # was",
        "its stop of # was",
        "trailed to #, was",
        "of cash at # plus costs",
    ),
}
"""Where units (False) and prices (True) of the instrument stand in our own sentences: at `#`."""
_NAMED = re.compile(
    r"(?<=no returns of )\S+(?= are known)|\S+(?= with what moves with it)"
    r"|\S+(?= is held but has no price)"
)
"""Symbols in our own sentences that need not be those asked about."""
_UNITS = {"quantity", "allow_short", "max_order_quantity"}
_IN_COLUMNS = {"price", "quantity", "ours"}
_EXACT_DIGITS = 120
"""More than any number of the trading tools can have, times the largest factor."""


class UnknownAlias(Exception):  # control flow of this package, not an error
    """The model named a symbol that is none of its aliases."""


class _Translation(ABC):
    """One direction; `strict` about fields that the table does not have."""

    strict: bool

    def __init__(self, book: Codebook, prose: Prose) -> None:
        self._book = book
        self._prose = prose
        self._spoken: set[str] = set()

    def fields(
        self, shapes: Fields, values: Mapping[str, Any], *, spoken: set[str] | None = None
    ) -> dict[str, Any]:
        """Return an object in the other language; `spoken` are real tickers it may quote."""
        self._spoken = set() if spoken is None else spoken
        return self._object(shapes, values, None)

    @abstractmethod
    def symbol(self, value: str) -> str: ...

    @abstractmethod
    def real(self, value: str) -> str | None:
        """Return the real ticker of a symbol of this direction's input."""

    @abstractmethod
    def date(self, value: str) -> str: ...

    @abstractmethod
    def units(self, value: Decimal, factor: Decimal, *, price: bool) -> Decimal: ...

    @abstractmethod
    def text(self, value: str) -> str: ...

    @abstractmethod
    def ours(self, value: str, ticker: str | None) -> str: ...

    def _object(
        self, shapes: Fields, values: Mapping[str, Any], ticker: str | None
    ) -> dict[str, Any]:
        ticker = self._scope(values.get("symbol"), shapes.get("symbol")) or ticker
        columns = self._columns(values, shapes)
        done: dict[str, Any] = {}
        for name, value in values.items():
            shape = shapes.get(name)
            if shape is None:
                if self.strict:
                    raise BadConfiguration(f"the mask does not know what the field '{name}' holds")
                done[name] = value
            elif name == "denied" and isinstance(value, list) and columns:
                done[name] = self._denied(shape, cast("list[Any]", value), values, columns)
            elif (
                columns
                and isinstance(shape, str)
                and shape in _IN_COLUMNS
                and isinstance(value, list)
            ):
                column = cast("list[Any]", value)
                done[name] = [
                    self._value(shape, each, at, values)
                    for each, at in zip(column, columns, strict=True)
                ]
            else:
                done[name] = self._value(shape, value, ticker, values)
        return done

    def _value(
        self, shape: Shape, value: Any, ticker: str | None, beside: Mapping[str, Any]
    ) -> Any:
        if value is None or shape == "plain":
            return value
        if isinstance(value, str) and value[:1] in {"[", "{"} and shape == "symbol":
            value = _parsed(value)
        if isinstance(value, str) and isinstance(shape, BySymbol):
            value = _parsed(value)
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return [self._value(shape, each, ticker, beside) for each in items]
        if isinstance(value, dict):
            return self._keyed(shape, cast("dict[str, Any]", value), ticker)
        if isinstance(shape, str):
            return self._leaf(shape, value, ticker, beside)
        return value

    def _keyed(self, shape: Shape, value: dict[str, Any], ticker: str | None) -> Any:
        if isinstance(shape, BySymbol):
            for name in value:
                self._scope(name, "symbol")
            return {self.symbol(name): each for name, each in value.items()}
        if isinstance(shape, Wording):
            return {self.text(name): each for name, each in value.items()}
        if isinstance(shape, str):
            return value
        return self._object(shape, value, ticker)

    def _leaf(self, kind: Kind, value: Any, ticker: str | None, beside: Mapping[str, Any]) -> Any:
        if kind == "excess":
            kind = "quantity" if beside.get("limit") in _UNITS else "plain"
        if kind in {"price", "quantity"}:
            return self._number(value, ticker, price=kind == "price")
        if kind == "plain" or not isinstance(value, str):
            return value
        if kind == "symbol":
            self._scope(value, kind)
        if kind == "ours":
            return self.ours(value, ticker)
        speak = {
            "symbol": self.symbol,
            "date": self.date,
            "lot": self._lot,
            "name": self._book.opaque,
        }
        return speak.get(kind, self.text)(value)

    def _lot(self, value: str) -> str:
        """Return a lot's id, YYYYMMDD-N, of the other time."""
        found = _LOT.fullmatch(value)
        if found is None:
            return value
        year, month, rest = found.groups()
        return self.date(f"{year}-{month}")[:4] + month + rest

    def _number(self, value: Any, ticker: str | None, *, price: bool) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            return value
        if ticker is None or not number.is_finite() or abs(number.adjusted()) > _EXACT_DIGITS // 4:
            return value
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            return plain(self.units(number, self._book.factor(ticker), price=price))

    def _scope(self, value: Any, shape: Shape | None) -> str | None:
        if shape != "symbol" or not isinstance(value, str):
            return None
        found = self.real(value)
        if found is not None:
            self._spoken.add(found)
        return found

    def _columns(self, values: Mapping[str, Any], shapes: Fields) -> list[str | None]:
        column = values.get("symbols")
        if shapes.get("symbols") != "symbol" or not isinstance(column, list):
            return []
        return [self._scope(each, "symbol") for each in cast("list[Any]", column)]

    def _denied(
        self, shape: Shape, value: list[Any], beside: Mapping[str, Any], columns: list[str | None]
    ) -> list[Any]:
        refused = [
            ticker
            for ticker, status in zip(columns, beside.get("statuses", ()), strict=True)
            if status == "denied"
        ]
        return [
            self._value(shape, each, ticker, beside)
            for each, ticker in zip(value, refused, strict=True)
        ]


class Masking(_Translation):
    """From the run to its model."""

    strict = True

    def symbol(self, value: str) -> str:
        """Return the alias."""
        return self._book.alias(value)

    def real(self, value: str) -> str | None:
        """Return the ticker itself."""
        return value

    def date(self, value: str) -> str:
        """Return the date in the model's years."""
        return _moved(value, self._book.shift)

    def units(self, value: Decimal, factor: Decimal, *, price: bool) -> Decimal:
        """Return the number in masked units; exact, for factors are powers of two."""
        return value * factor if price else value / factor

    def text(self, value: str) -> str:
        """Return the text without names, tickers and dates."""
        return self._prose.mask(value)

    def ours(self, value: str, ticker: str | None) -> str:
        """Return a sentence of ours; its amounts are no years, its units are the instrument's."""
        if ticker is not None:
            for price, said in _SENTENCES.items():
                value = said.sub(
                    lambda found, price=price: self._number(found.group(), ticker, price=price),
                    value,
                )
        also = self._spoken.union(_NAMED.findall(value))
        return self._prose.mask(value, also=also, years=False)

    @contextmanager
    def quoting(self, spoken: set[str]) -> Generator[None]:
        """Let sentences quote these tickers, whatever words they look like."""
        before, self._spoken = self._spoken, spoken
        try:
            yield
        finally:
            self._spoken = before


class Unmasking(_Translation):
    """From the model back to the run. Fields the tools do not have are theirs to refuse."""

    strict = False

    def __init__(self, book: Codebook, prose: Prose, *, lenient: bool = False) -> None:
        super().__init__(book, prose)
        self._lenient = lenient

    def symbol(self, value: str) -> str:
        """Return the ticker; `UnknownAlias` for what is no alias: a real ticker, say."""
        found = self.real(value)
        if found is None and not self._lenient:
            raise UnknownAlias(value)
        return value if found is None else found

    def real(self, value: str) -> str | None:
        """Return the ticker behind an alias."""
        return self._book.ticker(value.strip().upper())

    def date(self, value: str) -> str:
        """Return the real date."""
        return _moved(value, -self._book.shift)

    def units(self, value: Decimal, factor: Decimal, *, price: bool) -> Decimal:
        """Return the number in real units."""
        return value / factor if price else value * factor

    def text(self, value: str) -> str:
        """Return the text with its names, tickers and dates."""
        return self._prose.unmask(value)

    def ours(self, value: str, ticker: str | None) -> str:  # noqa: ARG002  # no model writes ours
        """Return the text with its names, tickers and dates."""
        return self.text(value)


def _places(sentences: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of the numbers that stand at the `#` of one of these."""
    found: list[str] = []
    for sentence in sentences:
        before, after = map(re.escape, sentence.split("#"))
        found.append(rf"(?<![\d.])(?<={before})\d+(?:\.\d+)?(?={after})(?!\.?\d)")
    return re.compile("|".join(found))


_SENTENCES = {price: _places(sentences) for price, sentences in _SAID.items()}


def _parsed(value: str) -> JsonValue:
    """Return what a JSON text within an argument means; the text itself where it is none."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _moved(value: str, shift: int) -> str:
    found = _DAY.match(value)
    if found is None or not 1 <= int(found[1]) + shift <= 9999:
        return value
    return f"{int(found[1]) + shift:04d}{value[found.end() :]}"
