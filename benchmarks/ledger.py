"""What the ledger costs: postings built, hashed, applied and stored in batches; and verified.

`python -m benchmarks.ledger [SESSIONS [TRADES]]`. A batch is a session's tick with that many fills
(about three postings each), committed to the embedded store; client and server share the machine as
they do in a run. Beside each figure stands what SHA-256 alone takes for the same entries in the
same run. Reach: 10 000 postings a second stored, 200 000 entries a second verified.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from adapters.store.connect import Store, open_store
from orchestrator.audit import audit_run
from schemas.execution import LotMethod
from schemas.ledger import Transaction
from schemas.orders import Fill, Side
from schemas.tick import Tick
from trading.account import CAPITAL, CASH, AccountState, MarginTerms, movements_of
from trading.ledger import Heading, Movement, Tip, append, transaction_id, verify

DEFAULT_SESSIONS, DEFAULT_TRADES = 400, 50
KEY = "f" * 64
START = date(2020, 1, 1)
SYMBOLS = tuple(f"S{n:02}" for n in range(20))


def main(sessions: int = DEFAULT_SESSIONS, trades: int = DEFAULT_TRADES) -> None:
    """Print a line a measurement."""
    fills = [_fills(n, trades) for n in range(sessions)]
    started = time.perf_counter()
    ticks = _ticks(fills)
    built = time.perf_counter() - started
    made = [each for tick in ticks for each in tick.transactions]
    entries = sum(len(each.entries) for each in made)
    floor = _hashing_alone(made)
    print(f"{len(made)} transactions, {entries} entries, {sessions} batches")
    print(f"  SHA-256 alone           {_rate(entries, floor)}")
    print(f"  built, hashed, applied  {_rate(entries, built)}  {built / floor:5.1f} × SHA-256")
    for round_number in range(3):
        started = time.perf_counter()
        found = verify(made, tip=ticks[-1].ledger_hash)
        took = time.perf_counter() - started
        if found.fault is not None:
            raise SystemExit(f"the ledger does not verify: {found.fault.what}")
        print(f"  verified, round {round_number + 1}       {_rate(entries, took)}  "
              f"{took / floor:5.1f} × SHA-256")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(None, Path(folder))
        _stored(store, ticks, entries, built)
        store.close()


def _stored(store: Store, ticks: Sequence[Tick], entries: int, built: float) -> None:
    store.ticks.open("run", KEY, 1)
    started = time.perf_counter()
    for tick in ticks:
        store.ticks.commit("run", 1, tick)
    took = time.perf_counter() - started
    print(f"  stored                  {_rate(entries, took)}")
    print(f"  built to stored         {_rate(entries, built + took)}")
    started = time.perf_counter()
    found = audit_run("run", store.ticks)
    took = time.perf_counter() - started
    if found.fault is not None:
        raise SystemExit(f"the stored ledger does not verify: {found.fault.what}")
    print(f"  read back and verified  {_rate(found.entries, took)}")


def _ticks(fills: Sequence[Sequence[Fill]]) -> list[Tick]:
    """Book the fills as the exchange does: movements, transaction, state."""
    state = AccountState("USD", terms=MarginTerms(allow_short=True, allow_leverage=True))
    tip, ticks = Tip(), list[Tick]()
    for n, of_session in enumerate(fills):
        session = START + timedelta(days=n)
        transactions: list[Transaction] = []
        moves: tuple[Movement, ...] = ()
        if not n:
            capital = Decimal(10_000_000)
            moves = (Movement(CASH, capital), Movement(CAPITAL, -capital))
            heading = Heading(transaction_id(KEY, 0, "post:1"), "deposit", session, "Cash", "USD")
            transactions.append(append(tip, heading, movements=moves))
            state, tip = state.apply(transactions[-1]), tip.after(transactions[-1])
        for fill in of_session:
            moves = movements_of(fill, state, method=_METHODS[n % 2])
            name = transaction_id(KEY, n, fill.fill_id)
            said = f"{fill.side} {fill.quantity} {fill.symbol} at {fill.price}"
            made = append(tip, Heading(name, "trade", session, said, "USD"), movements=moves)
            state, tip = state.apply(made), tip.after(made)
            transactions.append(made)
        ticks.append(
            Tick(
                n=n,
                session=session,
                as_of=datetime(2020, 1, 1, 14, 30, tzinfo=UTC) + timedelta(days=n),
                events=("trading_day",),
                transactions=tuple(transactions),
                mark=state.mark(session, dict.fromkeys(SYMBOLS, Decimal(20))),
                ledger_hash=tip.hash,
            )
        )
    return ticks


_METHODS: tuple[LotMethod, LotMethod] = ("fifo", "highest_cost")


def _fills(n: int, trades: int) -> list[Fill]:
    """Buy and sell by turns, so that lots are opened, closed and cut."""
    made: list[Fill] = []
    for number in range(trades):
        price = Decimal(1500 + (7 * n + 13 * number) % 1000).scaleb(-2)
        units = Decimal(10 + (n + number) % 7) + Decimal("0.5") * (number % 2)
        side: Side = "buy" if (n // 4 + number) % 2 else "sell"
        amount = (units * price).quantize(Decimal("0.01"))
        made.append(
            Fill(
                fill_id=f"{n}-{number}",
                client_order_id=f"{n}-{number}",
                agent="bench",
                session=START + timedelta(days=n),
                symbol=SYMBOLS[number % len(SYMBOLS)],
                side=side,
                quantity=units,
                reference_price=price,
                price=price,
                amount=amount,
                commission=Decimal("0.35"),
                spread_cost=Decimal(0),
                slippage_cost=Decimal(0),
                convention="open",
            )
        )
    return made


def _hashing_alone(made: Sequence[Transaction]) -> float:
    """Return the seconds that SHA-256 takes for as many entries of their usual length."""
    content = b"x" * 290
    count = sum(len(each.entries) for each in made)
    started = time.perf_counter()
    for _ in range(count):
        hashlib.sha256(content).hexdigest()
    return time.perf_counter() - started


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:9.0f} entries/s"


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
