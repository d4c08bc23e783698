"""The user's own documents and those of a data set, searched as one collection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from adapters.documents.corpus import Corpus, Question, micros_of, search_all
from adapters.documents.ranking import Query
from adapters.market.parts import Parts
from adapters.market.view import TableView
from interfaces.documents import NO_DOCUMENTS
from interfaces.market import MarketData
from schemas.base import sha256_of
from schemas.documents import DocumentKind, FoundDocument

_ANY = datetime(1970, 1, 1, tzinfo=UTC)


class Shelf(Protocol):
    """Documents that can be searched together with others."""

    def corpus(self) -> Corpus:
        """Return the documents as they stand; `Unavailable`."""
        ...


@runtime_checkable
class HasTexts(Protocol):
    """A view whose texts can be ranked with others; it shows them ranked by themselves alone."""

    @property
    def parts(self) -> Parts:
        """What the data set is made of, later things included."""
        ...


class JoinedDocuments:
    """Implement `DocumentSource` over a shelf and the texts of a data set.

    A ticker, in a text as in a question, means the company that bore it: in a text when it was
    published, in a question now. One that no company with prices has borne by now means itself.

    `market` is a whole data set: one whose views are not `HasTexts`, such as a narrowed one, is a
    `TypeError`, or its texts would silently be missing.
    """

    def __init__(self, shelf: Shelf, market: MarketData) -> None:
        self._shelf = shelf
        self._market = market
        _parts(market, _ANY)  # refused now, not at the first search

    def search(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Return what was published strictly before `as_of` and matches, best first."""
        parts = _parts(self._market, as_of)
        about = None if symbol is None else _Tickers(parts, as_of).about(symbol)
        asked = Question(Query.of(query), micros_of(as_of), limit, kind, about)
        return search_all([self._shelf.corpus(), parts.documents.corpus()], asked)

    def digest(self, before: datetime) -> str:
        """Return the SHA-256 over all that could be shown before a moment; `Unavailable`."""
        parts, moment = _parts(self._market, before), micros_of(before)
        ours = self._shelf.corpus().digest(moment)
        theirs = parts.documents.corpus().digest(moment)
        return NO_DOCUMENTS if ours == theirs == NO_DOCUMENTS else sha256_of((ours, theirs))


class _Tickers:
    """Who is meant by a ticker, for all that is known now."""

    def __init__(self, parts: Parts, as_of: datetime) -> None:
        self._names = parts.names
        self._view = TableView(parts, as_of)
        self._now = micros_of(as_of)

    def about(self, symbol: str) -> Callable[[Corpus], NDArray[np.int64]]:
        """Return what picks the texts about whoever bears the ticker now, or last bore it."""
        company = self._meant(symbol, self._now)
        tickers = {symbol}
        if company is not None:
            tickers |= self._names.all_of([company], end=self._now)

        def pick(corpus: Corpus) -> NDArray[np.int64]:
            found = [self._rows(corpus, ticker, company) for ticker in sorted(tickers)]
            return np.unique(np.concatenate(found))

        return pick

    def _rows(self, corpus: Corpus, ticker: str, company: str | None) -> NDArray[np.int64]:
        """Return the texts that name the ticker and mean the company by it."""
        rows = corpus.naming(ticker)
        published = corpus.published[rows]
        # Between two changes of tickers all texts mean the same.
        spans = np.searchsorted(self._names.moments, published, side="right")
        _, first, span = np.unique(spans, return_index=True, return_inverse=True)
        meant = [self._meant(ticker, at) == company for at in published[first].tolist()]
        return rows[np.array(meant, dtype=np.bool_)[span]]

    def _meant(self, ticker: str, at: int) -> str | None:
        """Return the company; None where none that has had prices by now is."""
        found = self._names.meant(ticker, at, self._now)
        return found if found is not None and self._view.ticker(found) is not None else None


def _parts(market: MarketData, as_of: datetime) -> Parts:
    view = market.view(as_of)
    if not isinstance(view, HasTexts):
        raise TypeError(f"the texts of a {type(market).__name__} cannot be searched with others")
    return view.parts
