"""Messages for the store's tests and benchmarks: drawn by hypothesis, and realistic by size."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from schemas.account import AccountMark, PositionMark
from schemas.agents import (
    AGENTS,
    AgentDecision,
    BudgetAssessment,
    LenderDecision,
    Reason,
    TargetWeight,
    ToolCallRecord,
    TradingDecision,
    Usage,
)
from schemas.execution import BpsCommission, ExecutionModel, PerShareCommission
from schemas.jobs import Job, RunProgress, SimulationRequest
from schemas.keys import ApiKey
from schemas.ledger import Entry, Transaction
from schemas.loan import InstalmentSplit
from schemas.memory import MemoryRecord
from schemas.orders import Fill, Order
from schemas.tick import InstalmentPaid, LoanState, Tick

START = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)

money = st.decimals(
    min_value=Decimal("-92233720368547758.07"), max_value=Decimal("92233720368547758.07"), places=2
)
amount = st.decimals(min_value=0, max_value=Decimal("92233720368547758.07"), places=2)
micro = st.decimals(
    min_value=Decimal("-9223372036854.775807"), max_value=Decimal("9223372036854.775807"), places=6
)
price = st.decimals(min_value=Decimal("0.000001"), max_value=9_223_372_036_854, places=6)
rate = st.decimals(min_value=-1, max_value=100, allow_nan=False)
sha = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
symbol = st.from_regex(r"[A-Z0-9][A-Z0-9.\-^=]{0,7}", fullmatch=True)
text = st.text(max_size=12)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5.5))])
instant = st.datetimes(timezones=zones)
days = st.dates(min_value=date(1971, 1, 1))
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
number = st.floats(allow_nan=False, allow_infinity=False)


def some(element: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """A tuple of a few of them."""
    return st.lists(element, max_size=3).map(tuple)


keys = st.builds(
    ApiKey,
    key_id=st.from_regex(r"[a-z0-9]{8,16}", fullmatch=True),
    name=st.text(min_size=1, max_size=80),
    role=st.sampled_from(["admin", "read_write", "read_only"]),
    digest=sha,
    created_at=instant,
    revoked_at=st.none() | instant,
)
memories = st.builds(
    MemoryRecord,
    memory_id=sha,
    agent=text,
    text=st.text(min_size=1, max_size=50),
    tags=some(text),
    symbols=some(symbol),
    event_time=instant,
    known_time=instant,
)
orders = st.builds(
    Order,
    client_order_id=text,
    agent=text,
    sequence=st.integers(0, 2**63 - 1),
    session=days,
    symbol=symbol,
    side=st.sampled_from(["buy", "sell"]),
    quantity=price,
    reason=text,
    status_reason=st.none() | text,
    placed_as_of=instant,
)
fills = st.builds(
    Fill,
    client_order_id=text,
    agent=text,
    session=days,
    symbol=symbol,
    side=st.sampled_from(["buy", "sell"]),
    quantity=price,
    reference_price=price,
    price=price,
    amount=amount,
    commission=amount,
    spread_cost=money,
    slippage_cost=money,
    convention=st.sampled_from(["open", "close"]),
    realised_gain=st.none() | money,
)
_output = {
    "rationale": text,
    "confidence": st.floats(0, 1),
    "evidence": some(text),
    "features": st.dictionaries(text, number, max_size=3),
}
outputs = (
    st.builds(
        LenderDecision,
        action=st.sampled_from(["approve", "refuse", "refer", "service"]),
        reasons=some(st.builds(Reason, code=st.just("too_dear"), sentence=text)),
        fund_payment=st.none() | money,
        payment_coverage=st.none() | rate,
        apr_annual=st.none() | rate,
        **_output,
    )
    | st.builds(
        TradingDecision,
        action=st.sampled_from(["hold", "invest"]),
        target_weights=some(st.builds(TargetWeight, symbol=symbol, weight=micro)),
        order_ids=some(text),
        **_output,
    )
    | st.builds(
        BudgetAssessment,
        action=st.sampled_from(["affordable", "tight"]),
        disposable_income=money,
        expense_ratio=rate,
        available_for_instalment=money,
        **_output,
    )
)
decisions = st.builds(
    AgentDecision,
    agent=st.sampled_from(AGENTS),
    model=text,
    output=st.none() | outputs,
    abstention=st.none() | text,
    tool_calls=some(
        st.builds(
            ToolCallRecord,
            tool=text,
            arguments=st.dictionaries(text, json, max_size=3),
            result_sha256=sha,
            result_bytes=st.integers(0, 2**63 - 1),
        )
    ),
    propensity=st.floats(0, 1),
    steps=st.integers(0, 100),
)
entries = st.builds(
    Entry,
    account=text,
    amount=money,
    currency=st.just("USD"),
    symbol=st.none() | symbol,
    quantity=st.none() | micro,
    previous=sha,
    hash=sha,
)
transactions = st.builds(
    Transaction,
    transaction_id=text,
    sequence=st.integers(0, 2**63 - 1),
    kind=st.sampled_from(["deposit", "trade", "reversal"]),
    session=days,
    description=text,
    entries=st.lists(entries, min_size=2, max_size=3).map(tuple),
)
marks = st.builds(
    AccountMark,
    session=st.none() | days,
    currency=st.just("USD"),
    cash=money,
    market_value=money,
    equity=money,
    positions=some(
        st.builds(
            PositionMark,
            symbol=symbol,
            quantity=micro,
            cost=money,
            price=price,
            market_value=money,
        )
    ),
)
loans = st.builds(
    LoanState,
    status=st.sampled_from(["applied", "active"]),
    balance=money,
    fund_invested=money,
    instalments_paid=st.integers(0, 480),
    arrears=money,
    paid_by_fund=money,
    paid_by_borrower=money,
    payment=st.none()
    | st.builds(
        InstalmentPaid,
        number=st.integers(1, 480),
        due_on=days,
        split=st.builds(InstalmentSplit, **dict.fromkeys(InstalmentSplit.model_fields, money)),
        interest=money,
        principal=money,
    ),
)
ticks = st.builds(
    Tick,
    n=st.integers(0, 2**63 - 1),
    session=days,
    as_of=instant,
    events=some(st.sampled_from(["application", "trading_day", "month_end"])),
    decisions=some(decisions),
    orders=some(orders),
    fills=some(fills),
    transactions=some(transactions),
    memories=some(memories),
    mark=marks,
    loan=st.none() | loans,
    ledger_hash=sha,
)

requests = st.builds(
    SimulationRequest,
    models=st.just(("baseline:buy-and-hold", "baseline:rules")),
    start_date=st.dates(max_value=date(2000, 1, 1)),
    end_date=st.dates(min_value=date(2000, 1, 1)),
    universe=st.none() | st.lists(symbol, max_size=3, unique=True).map(tuple),
    cash=st.decimals(min_value=1, max_value=Decimal("92233720368547758.07"), places=2),
    seed=st.integers(0, 2**63 - 1),
    execution=st.builds(
        ExecutionModel,
        commission=st.builds(PerShareCommission, per_share=price)
        | st.builds(BpsCommission, bps=st.decimals(min_value=0, max_value=10_000, allow_nan=False)),
    ),
)
jobs = st.builds(
    Job,
    job_id=text,
    request=requests,
    state=st.sampled_from(["queued", "running", "budget_exhausted"]),
    runs=some(
        st.builds(
            RunProgress,
            run_id=text,
            run_key=sha,
            model=text,
            sessions_done=st.integers(0, 2**63 - 1),
            last_session=st.none() | days,
            error=st.none() | text,
        )
    ),
    created_at=instant,
    updated_at=instant,
    cancel_requested=st.booleans(),
    worker=st.none() | text,
    lease_until=st.none() | instant,
    fence=st.integers(0, 2**63 - 1),
    error=st.none() | text,
)


def a_job(job_id: str = "job-1", *, created_at: datetime = START) -> Job:
    """A queued job of one run."""
    return Job(
        job_id=job_id,
        request=SimulationRequest(
            models=("baseline:buy-and-hold",),
            start_date=date(2020, 1, 2),
            end_date=date(2020, 12, 30),
        ),
        runs=(
            RunProgress(run_id=f"{job_id}-run", run_key="a" * 64, model="baseline:buy-and-hold"),
        ),
        created_at=created_at,
        updated_at=created_at,
    )


def a_tick(n: int, *, trades: int = 2, holdings: int = 20) -> Tick:
    """A trading session as it comes: 5 KB with two trades, about 10 KB with ten."""
    session = date(2020, 1, 2) + timedelta(days=n)
    as_of = START + timedelta(days=n)
    hexes = f"{n:064x}"
    return Tick(
        n=n,
        session=session,
        as_of=as_of,
        events=("trading_day",),
        decisions=(
            AgentDecision(
                agent="alpha_trading",
                model="baseline:momentum",
                output=TradingDecision(
                    rationale="The strongest five of the last 120 sessions, equally weighted.",
                    confidence=1.0,
                    evidence=("prices_get_returns", "trading_get_account"),
                    features={f"momentum_{i}": 0.1 / (i + 3) for i in range(5)},
                    action="rebalance",
                    target_weights=tuple(
                        TargetWeight(symbol=f"SYM{i}", weight=Decimal("0.2")) for i in range(5)
                    ),
                ),
                tool_calls=(
                    ToolCallRecord(
                        tool="prices_get_returns",
                        arguments={"symbols": [f"SYM{i}" for i in range(20)], "lookback": 120},
                        result_sha256=hexes,
                        result_bytes=12_345,
                    ),
                ),
                steps=2,
                usage=Usage(),
            ),
        ),
        orders=tuple(_order(n, i, session, as_of) for i in range(trades)),
        fills=tuple(_fill(n, i, session) for i in range(trades)),
        transactions=tuple(_transaction(n, i, session) for i in range(trades)),
        mark=AccountMark(
            session=session,
            currency="USD",
            cash=Decimal("1234.56"),
            market_value=Decimal("98765.44"),
            equity=Decimal("100000.00"),
            positions=tuple(
                PositionMark(
                    symbol=f"SYM{i}",
                    quantity=Decimal("12.345678"),
                    cost=Decimal("4900.00"),
                    price=Decimal("400.123000"),
                    market_value=Decimal("4939.79"),
                )
                for i in range(holdings)
            ),
        ),
        ledger_hash=hexes,
    )


def _order(n: int, i: int, session: date, as_of: datetime) -> Order:
    return Order(
        client_order_id=f"{n:024x}{i:012x}",
        agent="alpha_trading",
        sequence=i,
        session=session,
        symbol=f"SYM{i}",
        side="buy",
        quantity=Decimal("12.345678"),
        reason="momentum: rank 3 of 20, target weight 20 %",
        status="filled",
        placed_as_of=as_of,
    )


def _fill(n: int, i: int, session: date) -> Fill:
    return Fill(
        fill_id=f"{n:024x}{i:012x}",
        client_order_id=f"{n:024x}{i:012x}",
        agent="alpha_trading",
        session=session,
        symbol=f"SYM{i}",
        side="buy",
        quantity=Decimal("12.345678"),
        reference_price=Decimal("400.0"),
        price=Decimal("400.16"),
        amount=Decimal("4940.25"),
        commission=Decimal("0.49"),
        spread_cost=Decimal("0.99"),
        slippage_cost=Decimal("0.99"),
        convention="open",
    )


def _transaction(n: int, i: int, session: date) -> Transaction:
    entry = Entry(
        account="assets:cash",
        amount=Decimal("-4940.25"),
        currency="USD",
        previous=f"{n:064x}",
        hash=f"{i:064x}",
    )
    return Transaction(
        transaction_id=f"{n:048x}{i:016x}",
        sequence=n * 100 + i,
        kind="trade",
        session=session,
        description=f"buy 12.345678 SYM{i} at 400.16",
        entries=(entry, entry.model_copy(update={"amount": Decimal("4940.25")})),
    )
