"""How much of an order is filled where it meets the market, and what the account allows of it.

A buy that exceeds the cash at the fill price plus costs is cut to what the cash buys, a sale that
exceeds the holding to what is held, unless the account may borrow money or units; then positions
together stay within a multiple of equity. What is more than the bar's volume allows waits for
another session. The reason of a cut is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from schemas.base import ZERO, plain
from schemas.errors import InvalidRequest, UntrustworthyData
from schemas.orders import Fill, Order
from schemas.risk import RiskLimits
from trading.account import CASH_ACCOUNT, AccountState, MarginTerms, realised_gain
from trading.execution.commissions import UNTRADED, Traded
from trading.execution.costs import cut
from trading.execution.matching import Meeting
from trading.execution.policies import Policies
from trading.execution.pricing import Offer, Priced, Pricer


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What the venue lets an account do beyond its own money and units."""

    margin: MarginTerms = CASH_ACCOUNT
    max_gross_share: Decimal = Decimal(1)
    """Long plus short value as a multiple of equity, where money or units are borrowed."""

    @property
    def borrows(self) -> bool:
        """Whether it may borrow anything."""
        return self.margin.allow_short or self.margin.allow_leverage


def terms_of(limits: RiskLimits | None) -> AccountTerms:
    """Return what limits say of borrowing; nothing may be borrowed without any."""
    if limits is None:
        return AccountTerms()
    return AccountTerms(
        MarginTerms(allow_short=limits.allow_short, allow_leverage=limits.allow_leverage),
        limits.max_gross_share,
    )


def gross_room(state: AccountState, terms: AccountTerms, prices: Mapping[str, Decimal]) -> Decimal:
    """Return by how much long plus short value may grow; below zero when it is too much already.

    `prices` are the last closes; `UntrustworthyData` when one of what is held is missing.
    """
    if missing := sorted(state.holdings.keys() - prices.keys()):
        raise UntrustworthyData(f"{missing[0]} is held but has no price to value it at")
    values = [held.quantity * prices[symbol] for symbol, held in state.holdings.items()]
    equity = state.cash + state.accrued + sum(values, ZERO)
    return terms.max_gross_share * equity - sum((abs(value) for value in values), ZERO)


@dataclass(frozen=True, slots=True)
class Power:
    """What an account can do in a symbol at the moment of a fill."""

    state: AccountState
    terms: AccountTerms
    gross: Decimal | None = None
    """By how much long plus short value may grow; None where nothing is borrowed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What fills of one symbol in one session are made with."""

    session: date
    policies: Policies
    pricer: Pricer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order that met the market."""

    fill: Fill | None
    cut: Literal["volume", "account"] | None = None
    """What kept it from being filled whole: the bar's volume, which may do another day; or the
    account, or what can be traded at all."""
    reason: str | None = None


def fill_order(
    order: Order, meeting: Meeting, *, desk: Desk, power: Power, before: Traded = UNTRADED
) -> Outcome:
    """Fill an order as far as volume and account allow.

    `before` is what the order has traded in earlier sessions. The fill's lots and gain are told
    with the account as it stands in `power`.
    """
    if missing := desk.pricer.missing:
        return Outcome(None, "volume", missing)
    offer = Offer(order.side, meeting.price, meeting.limit)
    attempt = _Attempt(order, offer, desk, power, before)
    found = attempt.sized()
    if not found.units or (order.terms.time_in_force == "fok" and found.cut is not None):
        return Outcome(None, found.cut, found.reason)
    priced = desk.pricer.price(offer, found.units, before=before)
    if refused := _pointless(order, power.state, priced):
        return Outcome(None, "account", refused)
    try:
        fill = attempt.filled(found.units, priced, meeting)
    except InvalidRequest as error:  # a lot that was named is not there
        return Outcome(None, "account", str(error))
    desk.pricer.take(order.side, found.units)
    return Outcome(fill, found.cut, found.reason)


@dataclass(frozen=True, slots=True)
class _Sized:
    units: Decimal
    cut: Literal["volume", "account"] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An order at the moment of its fill."""

    order: Order
    offer: Offer
    desk: Desk
    power: Power
    before: Traded

    def sized(self) -> _Sized:
        """Return them, and what cut them last."""
        wanted = self._wanted()
        units, reason = self._tradable(wanted)
        found = _Sized(units, "account" if reason else None, reason)
        room = self.desk.pricer.room
        if room is not None and units > room:
            told = f"only {plain(room)} of {plain(wanted)} units fit the session's volume"
            found = _Sized(room, "volume", told)
        for limited in (self._by_holding, self._by_gross, self._by_cash):
            if not found.units:
                break
            least, why = limited(found.units)
            if least < found.units:
                found = _Sized(
                    least, "account", f"cut from {plain(wanted)} to {plain(least)}: {why}"
                )
        return found

    def filled(self, units: Decimal, priced: Priced, meeting: Meeting) -> Fill:
        """Return the fill; `InvalidRequest` when a lot that the order names is not there."""
        order, policies = self.order, self.desk.policies
        fill = Fill(
            fill_id=f"{order.client_order_id}-{self.before.fills}",
            client_order_id=order.client_order_id,
            agent=order.agent,
            session=self.desk.session,
            symbol=order.symbol,
            side=order.side,
            quantity=units,
            reference_price=meeting.price,
            price=priced.price,
            amount=priced.charge.amount,
            commission=priced.charge.commission,
            spread_cost=priced.spread_cost,
            slippage_cost=priced.slippage_cost,
            impact_cost=priced.impact_cost,
            convention=meeting.convention,
        )
        if not self._against():
            if order.terms.lots:
                raise InvalidRequest(f"there is no lot '{order.terms.lots[0]}' to close")
            return fill
        gain = realised_gain(
            fill, self.power.state, method=policies.execution.lots, chosen=order.terms.lots
        )
        return fill.model_copy(update={"realised_gain": gain})

    def _wanted(self) -> Decimal:
        order, notional = self.order, self.order.terms.notional
        if notional is None:
            return order.remaining
        left = notional - self.before.money
        return self.desk.pricer.units_for(self.offer, left, before=self.before)

    def _tradable(self, wanted: Decimal) -> tuple[Decimal, str | None]:
        """Cut to whole units, unless it closes a position that is a fraction."""
        step = self.desk.policies.step
        if self.order.terms.notional is not None:
            return wanted, None if wanted else "the money does not buy a unit"
        held = self._against()
        if held and wanted >= held and not self.power.terms.margin.allow_short:
            return wanted, None
        units = cut(wanted, step)
        if wanted in (units, held):
            return wanted, None
        return units, f"cut from {plain(wanted)} to {plain(units)}: whole units only"

    def _against(self) -> Decimal:
        """Return the units held that the order would close."""
        held = self.power.state.held(self.order.symbol)
        return max(held if self.order.side == "sell" else -held, Decimal())

    def _by_holding(self, units: Decimal) -> tuple[Decimal, str]:
        if self.order.side == "buy" or self.power.terms.margin.allow_short:
            return units, ""
        held = max(self.power.state.held(self.order.symbol), Decimal())
        return min(units, held), f"{plain(held)} held"

    def _by_gross(self, units: Decimal) -> tuple[Decimal, str]:
        gross, held = self.power.gross, self._against()
        if gross is None or units <= held:
            return units, ""
        # Closing what is held frees as much as opening the same again takes.
        opened = cut(gross / self.offer.reference, self.desk.policies.step) + 2 * held
        times = plain(self.power.terms.max_gross_share)
        why = f"positions are worth {times} times the equity at most"
        return min(units, max(opened, held)), why

    def _by_cash(self, units: Decimal) -> tuple[Decimal, str]:
        state = self.power.state
        if self.order.side == "sell" or self.power.terms.margin.allow_leverage:
            return units, ""
        pricer = self.desk.pricer
        least = pricer.affordable(self.offer, units, state.cash, before=self.before)
        if least == units:
            return units, ""
        price = pricer.price(self.offer, max(least, self.desk.policies.step)).price
        return least, f"{plain(state.cash)} {state.currency} of cash at {plain(price)} plus costs"


def _pointless(order: Order, state: AccountState, priced: Priced) -> str | None:
    charge = priced.charge
    if order.side == "buy" and not charge.amount:
        return "what can be bought is worth less than a cent"
    if order.side == "sell" and state.cash + charge.proceeds < 0 and charge.proceeds < 0:
        return (
            f"its costs of {plain(charge.commission)} exceed its proceeds of "
            f"{plain(charge.amount)} and the cash of {plain(state.cash)} {state.currency}"
        )
    return None
