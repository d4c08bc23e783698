"""Round trips: what was opened and closed, how long it was held, and how it stood meanwhile.

Trips are read from a run's ticks alone: fills for prices and costs, the ledger for lots, splits
and new tickers. Matched `flat_to_flat` a trip is a position from nothing to nothing; an order that
turns it round ends one and begins another. Matched by `lot` each purchase is a trip of its own,
closed by the sales that the ledger says were of it.

Excursions are of the standing: cash in less cash out, at fill prices, plus units at a price; before
commissions. The prices are the fills' own, and each session's bar as far as the trip was surely
held over it: high and low where it was held from the open to the close, the close where it was held
then. A bar in which a limit or a stop opened or closed the trip gives no high and low, as nobody
knows which came first (Sweeney 1996 for MAE and MFE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from schemas.base import ZERO, to_cents, to_micro
from schemas.tick import Tick
from schemas.trades import Direction, Matching, RoundTrips
from trading.holding_periods import held_over_a_year
from trading.trade_legs import Leg, LotBook, LotKey, Movement, Paid, Phase, Renamed


class Bar(NamedTuple):
    """The prices of a session that excursions are measured at, in the units of that session."""

    high: Decimal
    low: Decimal
    close: Decimal


Bars = Callable[[str, date], Bar | None]
"""Gives a ticker's bar of a session that is over, under the ticker it had then; None: no bar."""


def round_trips(
    ticks: Iterable[Tick], *, matching: Matching = "flat_to_flat", bars: Bars | None = None
) -> RoundTrips:
    """Return the trips of a run in the order they began; the last ones may be open.

    Without `bars` there are no excursions. `UntrustworthyData` when fills and ledger disagree.
    """
    desk = _Desk(by_lot=matching == "lot", bars=bars)
    for tick in ticks:
        desk.take(tick)
    return _columns(desk, matching)


@dataclass(slots=True)
class _Trip:
    """One trip as it grows."""

    key: LotKey
    symbol: str
    direction: Direction
    opened: date
    opened_in: Phase
    closed: date | None = None
    units: Decimal = field(default_factory=Decimal)
    flow: Decimal = ZERO
    bar_units: Decimal = field(default_factory=Decimal)
    """Units and cash after what happened at the open: what the session's bar moved."""
    bar_flow: Decimal = ZERO
    entries: int = 0
    exits: int = 0
    opened_units: Decimal = field(default_factory=Decimal)
    closed_units: Decimal = field(default_factory=Decimal)
    action_units: Decimal = field(default_factory=Decimal)
    entry_amount: Decimal = ZERO
    exit_amount: Decimal = ZERO
    entry_commission: Decimal = ZERO
    exit_commission: Decimal = ZERO
    price_costs: Decimal = ZERO
    realised: Decimal = ZERO
    dividends: Decimal = ZERO
    worst: Decimal = ZERO
    best: Decimal = ZERO
    newest_entry: str = ""
    newest_exit: str = ""

    def take(self, leg: Leg) -> None:
        """Add a leg of this trip."""
        self.units += leg.units
        self.price_costs += leg.price_costs
        if leg.kind == "open":
            self._enter(leg)
        else:
            self._leave(leg)
        if leg.phase == "open":
            self.bar_units, self.bar_flow = self.units, self.flow
        if leg.price is not None:
            self.stand(self.flow + self.units * leg.price)
        elif not self.units:
            self.stand(self.flow)

    def _enter(self, leg: Leg) -> None:
        self.entries += leg.cause != self.newest_entry
        self.newest_entry = leg.cause
        self.opened_units += abs(leg.units)
        self.entry_amount += leg.amount
        self.entry_commission += leg.commission
        self.flow += leg.amount if self.direction == "short" else -leg.amount

    def _leave(self, leg: Leg) -> None:
        self.realised += leg.gain
        self.exit_amount += leg.amount
        self.exit_commission += leg.commission
        self.flow += -leg.amount if self.direction == "short" else leg.amount
        if leg.kind == "adjust":
            self.action_units += leg.units if self.direction == "long" else -leg.units
            return
        self.closed_units += abs(leg.units)
        self.exits += leg.cause != self.newest_exit
        self.newest_exit = leg.cause

    def stand(self, money: Decimal) -> None:
        """Note how the trip stands at some price."""
        self.worst, self.best = min(self.worst, money), max(self.best, money)


class _Desk:
    """Takes a run's ticks and keeps its trips."""

    def __init__(self, *, by_lot: bool, bars: Bars | None) -> None:
        self.trips: list[_Trip] = []
        self.last: date | None = None
        self._by_lot = by_lot
        self._bars = bars
        self._book = LotBook()
        self._open: dict[LotKey, _Trip] = {}
        self._ended: dict[str, _Trip] = {}

    @property
    def measures(self) -> bool:
        """Whether excursions are known."""
        return self._bars is not None

    def take(self, tick: Tick) -> None:
        """Add a session."""
        self.last = tick.session
        for trip in self._open.values():
            trip.bar_units, trip.bar_flow = trip.units, trip.flow
        before = dict(self._open)
        for movement in self._book.read(tick):
            self._apply(movement, tick.session)
        if self._bars is not None:
            touched = {id(trip): trip for trip in (*before.values(), *self._open.values())}
            for trip in (*touched.values(), *self._within(tick.session, touched)):
                self._measure(trip, tick.session, self._bars)

    def _within(self, session: date, known: dict[int, _Trip]) -> list[_Trip]:
        """Return the trips that began and ended in the session."""
        begun: list[_Trip] = []
        for trip in reversed(self.trips):
            if trip.opened != session:
                break
            if id(trip) not in known:
                begun.append(trip)
        return begun

    def _key(self, key: LotKey) -> LotKey:
        return key if self._by_lot else (key[0], None)

    def _apply(self, movement: Movement, session: date) -> None:
        if isinstance(movement, Renamed):
            self._rename(movement)
        elif isinstance(movement, Paid):
            self._pay(movement)
        else:
            self._trade(movement, session)

    def _rename(self, renamed: Renamed) -> None:
        trip = self._open.pop(self._key(renamed.key), None)
        if trip is not None:  # None: another lot of the position has taken it along
            trip.key = self._key(renamed.new)
            self._open[trip.key] = trip

    def _pay(self, paid: Paid) -> None:
        held = [trip for key, trip in self._open.items() if key[0] == paid.symbol]
        if not held:  # due on what was sold since
            held = [self._ended[paid.symbol]] if paid.symbol in self._ended else []
        total = sum((trip.units for trip in held), Decimal())
        seen = given = Decimal()
        for trip in held:
            seen += trip.units
            due = to_cents(paid.amount * seen / total) if total else paid.amount
            trip.dividends += due - given
            given = due

    def _trade(self, leg: Leg, session: date) -> None:
        key = self._key(leg.key)
        trip = self._open.get(key)
        if trip is None:
            direction: Direction = "long" if leg.units > 0 else "short"
            trip = _Trip(key, key[0], direction, session, leg.phase)
            self._open[key] = trip
            self.trips.append(trip)
        trip.take(leg)
        if not trip.units:
            trip.closed = session
            trip.bar_units = trip.bar_units if leg.phase == "close" else Decimal()
            del self._open[key]
            self._ended[key[0]] = trip

    def _measure(self, trip: _Trip, session: date, bars: Bars) -> None:
        bar = bars(trip.key[0], session)
        if bar is None:
            return
        if trip.bar_units and (trip.opened != session or trip.opened_in == "open"):
            trip.stand(trip.bar_flow + trip.bar_units * bar.low)
            trip.stand(trip.bar_flow + trip.bar_units * bar.high)
        if trip.units:
            trip.stand(trip.flow + trip.units * bar.close)


def _columns(desk: _Desk, matching: Matching) -> RoundTrips:
    trips, last, measured = desk.trips, desk.last, desk.measures
    return RoundTrips(
        matching=matching,
        symbols=tuple(trip.symbol for trip in trips),
        last_symbols=tuple(trip.key[0] for trip in trips),
        lots=tuple(trip.key[1] for trip in trips),
        directions=tuple(trip.direction for trip in trips),
        opened=tuple(trip.opened for trip in trips),
        closed=tuple(trip.closed for trip in trips),
        days_held=tuple(
            ((trip.closed or last or trip.opened) - trip.opened).days for trip in trips
        ),
        entries=tuple(trip.entries for trip in trips),
        exits=tuple(trip.exits for trip in trips),
        day_trades=tuple(trip.closed == trip.opened for trip in trips),
        long_holds=tuple(
            held_over_a_year(trip.opened, trip.closed or last or trip.opened) for trip in trips
        ),
        units_opened=tuple(to_micro(trip.opened_units) for trip in trips),
        units_closed=tuple(to_micro(trip.closed_units) for trip in trips),
        units_by_actions=tuple(to_micro(trip.action_units) for trip in trips),
        units_open=tuple(to_micro(abs(trip.units)) for trip in trips),
        entry_amounts=tuple(trip.entry_amount for trip in trips),
        exit_amounts=tuple(trip.exit_amount for trip in trips),
        commissions=tuple(trip.entry_commission + trip.exit_commission for trip in trips),
        price_costs=tuple(trip.price_costs for trip in trips),
        realised_gains=tuple(trip.realised for trip in trips),
        gains=tuple(trip.realised - trip.entry_commission for trip in trips),
        dividends=tuple(trip.dividends for trip in trips),
        gain_shares=tuple(
            (trip.realised - trip.entry_commission) / trip.entry_amount
            if trip.entry_amount
            else None
            for trip in trips
        ),
        mae=tuple(to_cents(trip.worst) if measured else None for trip in trips),
        mfe=tuple(to_cents(trip.best) if measured else None for trip in trips),
    )
