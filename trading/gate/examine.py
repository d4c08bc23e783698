"""The gate's two questions: may this order be placed, and what is there to say about it?

Refusals come first (the kill switch before all), then the order's own limits, then what the
account would be once it has filled. An order that only makes a position smaller passes a limit
that is broken already, unless it would make it worse; it never passes the kill switch, a limit on
orders (size, price, number) or one that it would break itself.

Sales that count as filled may fail. So an order is looked at once more as if they did: a buy that
is within the limits only because of them is to wait for them (`Terms.after_sells`); what cannot be
told to wait, a short sale or a bracket's child, is denied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from trading.gate import limits, rules
from trading.gate.book import Book
from trading.gate.limits import Finding
from trading.gate.refusals import refuse
from trading.gate.verdicts import Denial, Reading, Verdict, nearest_of
from trading.orders import OrderIntent

_LONGEST = 300


def check(intent: OrderIntent, book: Book) -> Denial | None:
    """Return the first limit the intent breaks, or None when it may work.

    Whether it may work as it is, or only after the sells before it, `examine` tells.
    """
    if denial := refuse(intent, book) or _weigh(intent, book, [], []):
        return denial
    return None if _can_wait(intent, book) else _leaning(intent, book)


def examine(intent: OrderIntent, book: Book) -> Verdict:
    """Return what may be ordered after the trimming rules, or the denial, and the nearest limit.

    What is returned without a denial passes `check`.
    """
    if denial := refuse(intent, book):
        return Verdict(intent, denial, f"denied by {denial.limit}")
    cut, rule = rules.trimmed(intent, book)
    if not cut.quantity:
        denial = Denial(f"rule:{rule}", f"rule {rule} leaves nothing of the order")
        return Verdict(intent, denial, f"denied by {denial.limit}")
    readings: list[Reading] = []
    eased: list[str] = []
    denial = refuse(cut, book) if rule else None
    denial = denial or _weigh(cut, book, readings, eased)
    if denial is not None:
        return Verdict(intent, denial, f"denied by {denial.limit}")
    said, leaning = [nearest_of(readings)], _leaning(cut, book)
    if leaning is not None:
        if not _can_wait(cut, book):
            return Verdict(cut, leaning, f"denied by {leaning.limit}")
        cut = replace(cut, terms=cut.terms.model_copy(update={"after_sells": True}))
        said.append(f"within {leaning.limit} only once the sells before it have filled")
    if rule is not None:
        said.append(f"trimmed by rule {rule}")
    if eased:
        said.append(f"only reduces a position, so it passes what is broken: {', '.join(eased)}")
    return Verdict(cut, None, "; ".join(said)[:_LONGEST])


def _weigh(
    intent: OrderIntent, book: Book, readings: list[Reading], eased: list[str]
) -> Denial | None:
    """Return the first limit that denies; note what was measured and what a reduction passed."""
    if denial := limits.cash(intent, book):
        return denial
    for found in (*limits.of_order(intent, book), *rules.of_order(intent, book)):
        if denial := _denies(found, book):
            return denial
        if isinstance(found, Reading):
            readings.append(found)
    return _weigh_book(intent, book, readings, eased)


def _weigh_book(
    intent: OrderIntent, book: Book, readings: list[Reading], eased: list[str]
) -> Denial | None:
    """Return the first limit on the account that denies."""
    after = book.filled(intent)
    reduces: bool | None = None
    for found in _of_book(intent, after):
        denial = _denies(found, book)
        if denial is not None:
            reduces = book.reduces(intent) if reduces is None else reduces
            if not (reduces and _was_broken(found, intent, book)):
                return denial
            eased.append(denial.limit)
        elif isinstance(found, Reading):
            readings.append(found)
    return None


def _can_wait(intent: OrderIntent, book: Book) -> bool:
    """Say whether the order can be told to wait for the sells before it."""
    return intent.side == "buy" and not book.waits(intent)


def _leaning(intent: OrderIntent, book: Book) -> Denial | None:
    """Return the limit that the order would break if no sale before it filled, or None.

    A sale that only reduces leans on nothing: it does not make good what others leave undone.
    """
    if not limits.leans(book) or (intent.side == "sell" and book.reduces(intent)):
        return None
    unsold = book.unsold(intent)
    denial = limits.cash(intent, unsold) if book.rules.limits.allow_short else None
    denial = denial or _weigh_book(intent, unsold, [], [])
    if denial is None:
        return None
    message = f"{denial.message}, unless the sells before it fill"
    return replace(denial, message=message)


def _of_book(intent: OrderIntent, book: Book) -> Iterator[Finding]:
    yield from limits.of_book(book, intent.symbol)
    if book.rules.limits.rules:
        yield from rules.of_book(intent, book)


def _denies(found: Finding, book: Book) -> Denial | None:
    if isinstance(found, Denial):
        return found
    return found.denial(book.equity) if found.broken else None


def _was_broken(found: Finding, intent: OrderIntent, book: Book) -> bool:
    """Say whether the limit was broken, or not to be measured, before; and is made no worse."""
    for before in _of_book(intent, book):
        if before.limit != found.limit:
            continue
        if isinstance(before, Denial):
            return isinstance(found, Denial)
        if isinstance(found, Reading) and before.key == found.key:
            return before.broken and found.value <= before.value
    return False
