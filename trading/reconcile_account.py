"""Compare positions and cash of our books with a broker's, and explain what differs.

What we expect is the opening, the fills since, and what the ledger booked beside trades. A broker's
own positions must follow from its own fills in the same way; where they do not, and nothing else
accounts for it, it contradicts itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from schemas.account import AccountMark
from schemas.base import CENT, MILLIONTH, ZERO, plain
from schemas.ledger import Transaction
from schemas.orders import Fill
from schemas.reconciliation import Difference, DifferenceCause
from trading.statements import Ours, Units, cash_of, positions_after, units_of

_CASH = "assets:cash"
_RECEIVABLE = "assets:receivable:"
_MOST_PARTS = 50
"""No split is believed that gives more units for fewer than that."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """What the fills we had not heard of account for.

    Of strange ones the oldest may lie before our opening, so any number of the newest will do.
    """

    by_us: Decimal
    by_hand: tuple[Decimal, ...]

    def cause(self, gap: Decimal) -> tuple[DifferenceCause, bool] | None:
        """Return the cause of a difference that they account for to the last unit or cent."""
        if self.by_us and gap == self.by_us:
            return "missing_fill", True
        if gap - self.by_us in self.by_hand:
            return "manual_trade", False
        return None


def contradictions_of_mark(mark: AccountMark) -> Iterator[Difference]:
    """Tell where a valued account does not add up."""
    value = sum((each.market_value for each in mark.positions), ZERO)
    if mark.market_value != value or mark.equity != mark.cash + mark.market_value + mark.accrued:
        yield Difference(
            subject="account",
            key=mark.currency,
            cause="contradiction",
            explained=False,
            ours=None,
            theirs=plain(mark.equity),
            what="the broker's account does not add up: its equity is not its cash, positions and "
            "what is due together",
        )
    if len({each.symbol for each in mark.positions}) != len(mark.positions):
        yield Difference(
            subject="account",
            key=mark.currency,
            cause="contradiction",
            explained=False,
            ours=None,
            theirs=None,
            what="the broker's account names one position twice",
        )


def account_differences(
    ours: Ours, mark: AccountMark, told: Sequence[Fill]
) -> Iterator[Difference]:
    """Tell where positions and cash differ; `told` are the broker's fills, each once."""
    booked = [each for each in ours.booked.ledger if each.kind != "trade"]
    heard = {fill.fill_id for fill in ours.fills}
    unheard = [fill for fill in told if fill.fill_id not in heard]
    known = frozenset(order.client_order_id for order in ours.orders)
    positions = list(_position_differences(ours, booked, mark, unheard=unheard, known=known))
    yield from positions
    expected = (
        ours.opening.cash + _cash_moved(booked) + sum((cash_of(each) for each in ours.fills), ZERO)
    )
    if mark.cash != expected:
        gap = _gap(unheard, known, cash_of)
        cause, explained = _cash_cause(
            mark.cash - expected, gap, due=_due(booked), alone=not positions
        )
        yield Difference(
            subject="cash",
            key=mark.currency,
            cause=cause,
            explained=explained,
            ours=plain(expected),
            theirs=plain(mark.cash),
            what=f"we have {plain(expected)} {mark.currency} of cash and the broker says "
            f"{plain(mark.cash)}, {_WHY[cause]}",
        )
    yield from _ledger_differences(ours.booked.ledger, ours.fills)


def _gap(
    unheard: Sequence[Fill], known: frozenset[str], measure: Callable[[Fill], Decimal]
) -> _Gap:
    mine = [measure(fill) for fill in unheard if fill.client_order_id in known]
    strange = [measure(fill) for fill in unheard if fill.client_order_id not in known]
    return _Gap(sum(mine, Decimal()), tuple(accumulate(reversed(strange))))


def _position_differences(
    ours: Ours,
    booked: Sequence[Transaction],
    mark: AccountMark,
    *,
    unheard: Sequence[Fill],
    known: frozenset[str],
) -> Iterator[Difference]:
    expected = positions_after(ours.opening, ours.fills)
    for symbol, units in _moved(booked).items():
        expected[symbol] = expected.get(symbol, Decimal()) + units
    theirs = {each.symbol: each.quantity for each in mark.positions}
    split = {entry.symbol for each in booked if each.kind == "split" for entry in each.entries}
    for symbol in sorted(expected.keys() | theirs.keys()):
        held, shown = expected.get(symbol, Decimal()), theirs.get(symbol, Decimal())
        if held == shown:
            continue
        gap = _gap([fill for fill in unheard if fill.symbol == symbol], known, units_of)
        cause, explained = gap.cause(shown - held) or _position_cause(
            held, shown, ratio=ours.booked.splits.get(symbol), booked=symbol in split
        )
        yield Difference(
            subject="position",
            key=symbol,
            cause=cause,
            explained=explained,
            ours=plain(held),
            theirs=plain(shown),
            what=f"we hold {plain(held)} {symbol} and the broker says {plain(shown)}, "
            f"{_WHY[cause]}",
        )


def _position_cause(
    ours: Decimal, theirs: Decimal, *, ratio: Decimal | None, booked: bool
) -> tuple[DifferenceCause, bool]:
    if abs(theirs - ours) <= MILLIONTH:
        return "rounding", True
    if ratio is not None and abs(ours * ratio - theirs) <= MILLIONTH:
        return "split_ratio", True
    if _is_split(ours, theirs):
        return "split_ratio", booked
    return "contradiction", False


def _cash_cause(
    gap: Decimal, fills: _Gap, *, due: Sequence[Decimal], alone: bool
) -> tuple[DifferenceCause, bool]:
    by_fills = fills.cause(gap)
    if by_fills is not None:
        return by_fills
    if abs(gap) <= CENT:
        return "rounding", True
    if gap in due:
        return "dividend_or_fee", True
    return ("dividend_or_fee" if alone else "contradiction"), False


def _is_split(ours: Decimal, theirs: Decimal) -> bool:
    if not ours or not theirs or ours * theirs < 0:
        return False
    ratio = (Fraction(theirs) / Fraction(ours)).limit_denominator(_MOST_PARTS)
    # Only N:1, 1:N and the few usual ones between: nearly any two small numbers have some ratio.
    usual = 1 in (ratio.numerator, ratio.denominator) or ratio.numerator + ratio.denominator <= 9
    near = abs(Fraction(ours) * ratio - Fraction(theirs)) <= Fraction(MILLIONTH)
    return usual and near and 0 < ratio.numerator <= _MOST_PARTS


_WHY: Mapping[DifferenceCause, str] = {
    "missing_fill": "by fills of our orders that we had not heard of",
    "manual_trade": "by fills that belong to no order of ours",
    "rounding": "by rounding",
    "split_ratio": "by the ratio of a split",
    "dividend_or_fee": "by what looks like a dividend, interest or a fee that one side has not "
    "booked",
    "contradiction": "and the broker's own fills do not account for it",
}


def _due(booked: Iterable[Transaction]) -> tuple[Decimal, ...]:
    """Return what is booked as due and not paid: by day, and all together."""
    days: dict[str, Decimal] = {}
    for transaction in booked:
        for entry in transaction.entries:
            if entry.account.startswith(_RECEIVABLE):
                days[entry.account] = days.get(entry.account, ZERO) + entry.amount
    open_days = tuple(amount for amount in days.values() if amount)
    return (*open_days, sum(open_days, ZERO))


def _moved(transactions: Iterable[Transaction]) -> Units:
    units: Units = {}
    for transaction in transactions:
        for entry in transaction.entries:
            if entry.symbol is not None and entry.quantity is not None:
                units[entry.symbol] = units.get(entry.symbol, Decimal()) + entry.quantity
    return units


def _cash_moved(transactions: Iterable[Transaction]) -> Decimal:
    return sum(
        (e.amount for each in transactions for e in each.entries if e.account == _CASH), ZERO
    )


def _ledger_differences(
    ledger: Sequence[Transaction], fills: Sequence[Fill]
) -> Iterator[Difference]:
    """Tell of which symbols the ledger's trades move other units than the fills do."""
    trades = [each for each in ledger if each.kind == "trade"]
    if not trades:
        return
    booked = _moved(trades)
    filled: Units = {}
    for fill in fills:
        filled[fill.symbol] = filled.get(fill.symbol, Decimal()) + units_of(fill)
    for symbol in sorted(booked.keys() | filled.keys()):
        has, should = booked.get(symbol, Decimal()), filled.get(symbol, Decimal())
        if has == should:
            continue
        explained = _are_newest(should - has, [f for f in fills if f.symbol == symbol])
        yield Difference(
            subject="ledger",
            key=symbol,
            cause="unbooked_fill",
            explained=explained,
            ours=plain(has),
            theirs=plain(should),
            what=f"the ledger's trades move {plain(has)} {symbol} and the fills {plain(should)}"
            + (": the newest fills are not booked yet" if explained else ""),
        )


def _are_newest(gap: Decimal, fills: Sequence[Fill]) -> bool:
    units = Decimal()
    for fill in reversed(fills):
        units += units_of(fill)
        if units == gap:
            return True
    return False
