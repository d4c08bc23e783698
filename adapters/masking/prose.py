"""Names, tickers and dates in free text: found, replaced by their aliases, and put back.

A text is read once from left to right, so nothing that was put in is ever read again. What cannot
be told from an ordinary word (a ticker such as `A` or `ALL`) counts where it is marked as a ticker.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from adapters.masking.codebook import PROSE_YEARS, Codebook
from adapters.masking.well_known import shorter, well_known

_DATED_YEARS = (1900, 2099)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
_MARKETS = (
    r"(?:NASDAQ|Nasdaq|NYSE|AMEX|OTC|CBOE|BATS|LSE|TSX)(?:[ -]?(?:GS|GM|CM|Arca|ARCA|American))?"
)
_DATES = (
    # 2020-03-16, 2020-03, 2020/3/16, 2020.03.16
    (
        r"(?<![\w.,])(?P<dated>\d{4})(?=-(?:0[1-9]|1[0-2])(?!\d)"
        r"|/(?:0?[1-9]|1[0-2])(?:/\d{1,2})?(?!\d)|\.\d\d\.\d\d(?!\d))"
    ),
    # 20200316
    r"(?<![\w.,])(?P<packed>\d{4})(?=(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T\d|(?!\w)))",
    # 3/16/2020, 16.03.2020, 3/16/20
    r"(?<![\w.,/])(?P<before>\d{1,2}(?P<dot>[/.-])\d{1,2}(?P=dot))(?P<after>\d{4}|(?<=/)\d\d)(?!\w)",
    # 16-Mar-20, Mar-20
    rf"(?<!\w)(?P<month>(?:\d{{1,2}}-)?{_MONTH}-)(?P<short>\d\d)(?![\w-])",
    # FY20, Q1'20, 1Q20, FY2020
    r"(?<!\w)(?P<term>(?:FY|CY|[QH][1-4]|[1-4][QH])-?['’]?)(?P<fiscal>\d{4}|\d\d)(?!\d)",
    # 2020Q1
    r"(?<!\w)(?P<quarter>\d{4})(?=-?[QH][1-4](?!\w))",
    # '20, the '90s
    r"(?<!\w)['’](?P<apostrophe>\d\d)(?=s?(?!\w))(?!['’])",
    # 2020, 2019-20, the 2010s; no amount, no count
    (
        r"(?<![\w$€£¥#])(?<!\d[.,:])(?P<bare>\d{4})"
        r"(?:[-–/](?P<until>\d\d)(?![\w-]))?(?=s?(?!\w))"
        r"(?![.,]\d|\s?%|\s(?:shares|units|points|symbols|sessions|names|orders)\b)"
    ),
)
_MASKED = re.compile(
    "|".join(
        (
            r"(?P<link>(?:https?://|www\.)[^\s\"'<>)]+|[\w.+-]+@[\w-]+\.[\w.]+)",
            r"(?P<mark>\$)(?P<cash>[A-Z]{1,6}(?:[.-][A-Z0-9])?)(?![A-Za-z0-9])",
            rf"(?P<market>{_MARKETS}\s?:\s?)(?P<listed>[A-Z0-9]{{1,6}}(?:[.-][A-Z0-9])?)(?![A-Za-z0-9])",
            r"(?P<index>\^[A-Z][A-Z0-9]{1,7})(?![A-Za-z0-9])",
            *_DATES,
            r"(?P<word>[^\W_]+)",
        )
    )
)
_PUT_BACK = re.compile(
    "|".join(
        (
            r"(?<!\w)Product (?P<maker>[SU]\d{5,})-(?P<number>\d+)(?!\w)",
            r"(?<!\w)(?P<company>Company )?(?P<code>[SU]\d{5,})(?!\w)",
            *_DATES,
            r"(?P<word>[^\W_]+)",
        )
    )
)

Kind = Literal["name", "ticker", "date"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something real that stands in a text."""

    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A way to write a company: its ticker, a name, or a word that gives it away."""

    pattern: re.Pattern[str]
    ticker: str
    alias: str
    kind: Kind
    marked_only: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of a text: as it stands, what it becomes, and what gave it away."""

    text: str
    becomes: str
    entry: _Entry | None = None
    year: int | None = None


_LINK = _Entry(_MASKED, "", "[link]", "name")


class Prose:
    """Masks and unmasks free text by a codebook."""

    def __init__(self, book: Codebook) -> None:
        self._book = book
        self._entries: dict[str, list[_Entry]] = {}
        self._names: dict[str, str] = {}
        self._words: dict[tuple[str, int], str] = {}
        for ticker in book.tickers:
            self._learn(ticker)
        for found in self._entries.values():
            found.sort(key=lambda entry: -len(entry.pattern.pattern))

    def mask(self, text: str, *, also: Collection[str] = (), years: bool = True) -> str:
        """Replace what is real; `also` are tickers to replace even where they look like words.

        Without `years` a number that stands alone is none: in our own sentences it is an amount.
        """
        return "".join(piece.becomes for piece in self._pieces(text, also, years=years))

    def sightings(self, text: str) -> tuple[Sighting, ...]:
        """Return what a reader could recognise, in order: names, tickers, dates of the data.

        A year of two digits alone may be of any century, and is no sighting.
        """
        first, last = self._book.known.years
        found: list[Sighting] = []
        for piece in self._pieces(text, (), years=True):
            if piece.entry is not None:
                found.append(Sighting(piece.entry.kind, piece.text))
            elif piece.year is not None and first <= piece.year <= last:
                found.append(Sighting("date", piece.text))
        return tuple(found)

    def unmask(self, text: str) -> str:
        """Put back what the aliases stand for; what is no alias stays."""
        return _PUT_BACK.sub(self._real, text)

    def _learn(self, ticker: str) -> None:
        book, alias = self._book, self._book.alias(ticker)
        word = ticker in well_known().ordinary or len(ticker) == 1
        self._add(ticker, _Entry(re.compile(re.escape(ticker)), ticker, alias, "ticker", word))
        names = book.known.names.get(ticker, ())
        written = dict.fromkeys(form for name in names for form in (name, *shorter(name)))
        if written:
            self._names[alias] = next(iter(written))
        for name in written:
            entry = _Entry(_spelled(name), ticker, f"Company {alias}", "name")
            self._add(name, entry)
        for number, name in enumerate(book.known.words.get(ticker, ()), 1):
            self._words[alias, number] = name
            entry = _Entry(_spelled(name, "s?"), ticker, f"Product {alias}-{number}", "name")
            self._add(name, entry)
            self._add(f"{name}s", entry)

    def _add(self, written: str, entry: _Entry) -> None:
        first = re.search(r"[^\W_]+", written)
        found = self._entries.setdefault("" if first is None else first.group().casefold(), [])
        if entry not in found:
            found.append(entry)

    def _pieces(self, text: str, also: Collection[str], *, years: bool) -> Iterator[_Piece]:
        """Yield the whole text in pieces."""
        at = 0
        while (found := _MASKED.search(text, at)) is not None:
            if found.start() > at:
                yield _Piece(text[at : found.start()], text[at : found.start()])
            piece = self._piece(text, found, also, years=years)
            yield piece
            at = found.start() + len(piece.text)
        if at < len(text):
            yield _Piece(text[at:], text[at:])

    def _piece(
        self, text: str, found: re.Match[str], also: Collection[str], *, years: bool
    ) -> _Piece:
        written = found.group()
        if found["link"]:
            return _Piece(written, _LINK.alias, _LINK)
        if found["word"]:
            entry, end = self._named(text, found, also)
            written = text[found.start() : end]
            return _Piece(written, written if entry is None else entry.alias, entry)
        if ticker := found["cash"] or found["listed"] or found["index"]:
            if self._book.ticker(ticker) is not None:
                return _Piece(written, written)  # an alias already
            entry = _Entry(_MASKED, ticker, self._book.alias(ticker), "ticker")
            return _Piece(written, (found["mark"] or found["market"] or "") + entry.alias, entry)
        if not years and found["bare"]:
            return _Piece(written, written)
        whole = len(found[_year_group(found)]) == 4
        return _Piece(
            written,
            _shifted(found, self._book.shift, 0),
            year=_year_of(found, 0) if whole else None,
        )

    def _named(
        self, text: str, word: re.Match[str], also: Collection[str]
    ) -> tuple[_Entry | None, int]:
        for entry in self._entries.get(word.group().casefold(), ()):
            match = entry.pattern.match(text, word.start())
            if match is None or text[match.end() : match.end() + 1].isalnum():
                continue
            if entry.marked_only and entry.ticker not in also and not _marked(text, match):
                continue
            return entry, match.end()
        return None, word.end()

    def _real(self, found: re.Match[str]) -> str:
        book = self._book
        if found["maker"]:
            return self._words.get((found["maker"], int(found["number"])), found.group())
        if found["code"]:
            ticker = book.ticker(found["code"])
            if ticker is None:
                return found.group()
            return self._names.get(found["code"], ticker) if found["company"] else ticker
        return found.group() if found["word"] else _shifted(found, -book.shift, book.shift)


def _spelled(name: str, ending: str = "") -> re.Pattern[str]:
    """Return a pattern of a name in any case, or capitalised where small it is another word."""
    parts = r"[\s-]+".join(re.escape(part) for part in re.split(r"[\s-]+", name)) + ending
    if name.casefold() in well_known().capitalised:
        return re.compile(f"{parts}|{re.escape(name.upper())}")
    return re.compile(parts, re.IGNORECASE)


def _marked(text: str, match: re.Match[str]) -> bool:
    before, after = text[max(0, match.start() - 1) : match.start()], text[match.end() :][:1]
    return (before, after) in {("(", ")"), ('"', '"'), ("'", "'")}


def _shifted(found: re.Match[str], shift: int, base: int) -> str:
    """Return a date with its year moved; `base` is how far the years read are moved already."""
    year = _year_of(found, base)
    if year is None:
        return found.group()
    text, group = found.group(), _year_group(found)
    new = f"{year + shift:04d}"[-(found.end(group) - found.start(group)) :]
    at = found.start(group) - found.start()
    moved = text[:at] + new + text[at + len(new) :]
    if found["until"]:
        return moved[:-2] + f"{(int(found['until']) + shift) % 100:02d}"
    return moved


def _year_of(found: re.Match[str], base: int) -> int | None:
    """Return the year of a date in full, None when it is no year that dates are likely to have."""
    group = _year_group(found)
    digits = found[group]
    first, last = PROSE_YEARS if group in {"bare", "packed"} else _DATED_YEARS
    if len(digits) == 2:
        return PROSE_YEARS[0] + base + (int(digits) - PROSE_YEARS[0] - base) % 100
    return int(digits) if first + base <= int(digits) <= last + base else None


def _year_group(found: re.Match[str]) -> str:
    names = ("dated", "packed", "after", "short", "fiscal", "quarter", "apostrophe", "bare")
    return next(name for name in names if found[name])
