"""Many orders against many bars: what each type pays, and when it ends."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import numpy as np
import pytest

from quant.impact import permanent_share, square_root_share, temporary_share
from quant.matching import CONVENTIONS, STATUSES, match
from quant.matching_inputs import ORDER_TYPES, TIMES_IN_FORCE, Bars, Orders
from quant.spread import corwin_schultz
from schemas.errors import InvalidRequest
from schemas.execution import (
    AlmgrenChrissImpact,
    BpsCommission,
    CloseFills,
    CorwinSchultzSpread,
    ExecutionModel,
    LimitTouchFills,
    Participation,
    PerOrderCommission,
    PerShareCommission,
    SquareRootImpact,
    Tier,
    TieredCommission,
    VolumeShareSlippage,
    VwapFills,
    flat_costs,
)
from tests.quant.matching_cases import FREE, MODELS, random_bars, random_orders

GONE = "- - - - -"


def bars(*rows: str) -> Bars:
    """One name; a row a session: open, high, low, close, volume."""
    texts = [row.replace("-", "nan").split() for row in rows]
    columns = np.array([[float(each) for each in text] for text in texts]).T
    return Bars(*(column[:, None] for column in columns))


def orders(*texts: str) -> Orders:
    """`+10 limit day 99.5 - 0`: signed units, type, force, limit, stop, session."""
    rows = [text.replace(" - ", " nan ").replace(" - ", " nan ").split() for text in texts]
    units = np.array([float(row[0]) for row in rows])
    return Orders(
        account=np.zeros(len(rows), dtype=np.int64),
        name=np.zeros(len(rows), dtype=np.int64),
        first=np.array([int(row[5]) for row in rows]),
        side=np.sign(units).astype(np.int64),
        order_type=np.array([ORDER_TYPES.index(row[1]) for row in rows]),
        time_in_force=np.array([TIMES_IN_FORCE.index(row[2]) for row in rows]),
        quantity=np.abs(units),
        limit=np.array([float(row[3]) for row in rows]),
        stop=np.array([float(row[4]) for row in rows]),
    )


def told(asked: Orders, market: Bars, model: ExecutionModel = FREE) -> list[str]:
    """Say in words what became of each order."""
    matched = match(asked, market, model)
    said: list[str] = []
    for i, status in enumerate(matched.status):
        made = [
            f"{matched.quantity[f]:g}@{matched.price[f]:g} {CONVENTIONS[matched.convention[f]]}"
            f" {matched.session[f]}"
            for f in np.flatnonzero(matched.order == i)
        ]
        said.append(", ".join([*made, STATUSES[status]]))
    return said


DAY = bars("100 110 90 104 1000", "103 105 101 102 1000")


@pytest.mark.parametrize(
    ("order", "became"),
    [
        ("+10 market day - - 0", "10@100 open 0, filled"),
        ("-10 market ioc - - 0", "10@100 open 0, filled"),
        ("+10 market at_open - - 0", "10@100 open 0, filled"),
        ("+10 market at_close - - 0", "10@104 close 0, filled"),
        ("+10 limit day 101 - 0", "10@100 open 0, filled"),
        ("+10 limit day 95 - 0", "10@95 limit 0, filled"),
        ("+10 limit day 90 - 0", "10@90 limit 0, filled"),
        ("+10 limit day 89 - 0", "expired"),
        ("-10 limit day 108 - 0", "10@108 limit 0, filled"),
        ("-10 limit gtc 111 - 0", "accepted"),
        ("+10 limit ioc 95 - 0", "cancelled"),
        ("+10 limit fok 100 - 0", "10@100 open 0, filled"),
        ("+10 limit at_close 103 - 0", "expired"),
        ("-10 limit at_close 103 - 0", "10@104 close 0, filled"),
        ("+10 stop day - 105 0", "10@105 stop 0, filled"),
        ("+10 stop day - 99 0", "10@100 open 0, filled"),
        ("-10 stop day - 90 0", "10@90 stop 0, filled"),
        ("-10 stop day - 89 0", "expired"),
        ("+10 stop_limit day 106 105 0", "10@105 stop 0, filled"),
        ("+10 stop_limit day 104 105 0", "10@104 limit 0, filled"),
        ("+10 stop_limit day 103 105 0", "expired"),  # the touch may have come after the low
        ("+10 stop_limit gtc 103 105 0", "10@103 open 1, filled"),  # a limit order by then
        ("+10 stop_limit day 95 99 0", "10@95 limit 0, filled"),
    ],
)
def test_an_order_gets_what_the_bar_offers_its_type(order: str, became: str) -> None:
    assert told(orders(order), DAY) == [became]


def test_a_policy_moves_market_orders_and_no_resting_ones() -> None:
    asked = orders("+10 market day - - 0", "+10 limit day 95 - 0", "+10 market at_open - - 0")
    resting, opened = "10@95 limit 0, filled", "10@100 open 0, filled"
    at_close = FREE.model_copy(update={"fills": CloseFills()})
    assert told(asked, DAY, at_close) == ["10@104 close 0, filled", resting, opened]
    at_vwap = FREE.model_copy(update={"fills": VwapFills()})
    assert told(asked, DAY, at_vwap) == ["10@101 vwap 0, filled", resting, opened]


def test_penetration_asks_the_bar_to_pass_a_resting_limit() -> None:
    touch = FREE.model_copy(update={"fills": LimitTouchFills(penetration_bps=Decimal(10))})
    asked = orders("+10 limit day 90 - 0", "+10 limit day 90.09 - 0", "+10 limit day 90.10 - 0")
    assert told(asked, DAY, touch) == ["expired", "expired", "10@90.1 limit 0, filled"]


def test_without_a_bar_a_day_order_is_cancelled_and_one_until_cancelled_waits() -> None:
    gap = bars(GONE, "100 110 90 104 1000")
    asked = orders("+10 market day - - 0", "+10 market gtc - - 0")
    assert told(asked, gap) == ["cancelled", "10@100 open 1, filled"]


def test_a_capped_rest_works_on_as_long_as_its_time_goes() -> None:
    days = bars("100 101 99 100 1000", "101 102 100 101 500", "102 103 101 102 5000")
    cap = Participation(max_share=Decimal("0.1"))
    asked = orders(
        "+170 market day - - 0",
    )
    capped = FREE.model_copy(update={"participation": cap})
    assert told(asked, days, capped) == ["100@100 open 0, expired"]
    carried = FREE.model_copy(
        update={"participation": cap.model_copy(update={"carry_sessions": 1})}
    )
    assert told(asked, days, carried) == ["100@100 open 0, 50@101 open 1, expired"]
    until = orders("+170 market gtc - - 0")
    assert told(until, days, capped) == ["100@100 open 0, 50@101 open 1, 20@102 open 2, filled"]
    assert told(orders("+170 market ioc - - 0"), days, capped) == ["100@100 open 0, cancelled"]
    assert told(orders("+170 market fok - - 0"), days, capped) == ["cancelled"]


def test_orders_of_one_account_share_a_bar_and_sales_come_first() -> None:
    cap = FREE.model_copy(update={"participation": Participation(max_share=Decimal("0.1"))})
    asked = orders("+60 market day - - 0", "+60 market day - - 0", "-30 market day - - 0")
    assert told(asked, DAY, cap) == [
        "60@100 open 0, filled",
        "10@100 open 0, expired",
        "30@100 open 0, filled",
    ]
    apart = replace(asked, account=np.array([7, 8, 9]))
    assert told(apart, DAY, cap)[1] == "60@100 open 0, filled"


def test_of_a_shared_bar_the_open_comes_first_and_the_close_last() -> None:
    shared = FREE.model_copy(
        update={
            "fills": CloseFills(),
            "participation": Participation(max_share=Decimal("0.01"), carry_sessions=1),
        }
    )
    asked = orders(
        "-6 market day - - 0",
        "-3 limit day 108 - 0",
        "+4 market at_open - - 0",
        "+9 limit gtc 95 - 0",
    )
    assert told(asked, DAY, shared) == [
        "6@102 close 1, filled",
        "3@108 limit 0, filled",
        "4@100 open 0, filled",
        "3@95 limit 0, partially_filled",
    ]


def test_whole_units_leave_the_fraction() -> None:
    whole = FREE.model_copy(update={"fractional": False})
    asked = orders("+10.5 market day - - 0", "+0.5 market day - - 0", "+10.5 market fok - - 0")
    assert told(asked, DAY, whole) == ["10@100 open 0, cancelled", "rejected", "cancelled"]


def test_costs_move_the_price_but_never_past_a_limit() -> None:
    flat = flat_costs(commission="0", half_spread="30", slippage="20")
    asked = orders(
        "+10 market day - - 0",
        "-10 market day - - 0",
        "+10 limit day 100.2 - 0",
        "+10 limit day 95 - 0",
    )
    assert match(asked, DAY, flat).price.tolist() == [100.5, 99.5, 100.2, 95.0]


@pytest.mark.parametrize(
    ("commission", "paid"),
    [
        (BpsCommission(bps=Decimal(5)), [4.0, 3.0]),
        (BpsCommission(bps=Decimal(1), minimum=Decimal(1)), [1.0, 0.4]),  # of the order: 1.40
        (PerOrderCommission(fee=Decimal("1.25")), [1.25, 0.0]),
        (PerShareCommission(per_share=Decimal("0.005"), minimum=Decimal("0.55")), [0.55, 0.15]),
        (PerShareCommission(per_share=Decimal(1), max_share=Decimal("0.005")), [40.0, 30.0]),
        (
            TieredCommission(
                tiers=(Tier(up_to=Decimal(9000), bps=Decimal(10)), Tier(up_to=None, bps=Decimal(1)))
            ),
            [8.0, 1.5],
        ),
    ],
)
def test_a_commission_is_of_the_order_however_many_fills_it_takes(
    commission: object, paid: list[float]
) -> None:
    model = FREE.model_copy(
        update={"commission": commission, "participation": Participation(max_share=Decimal("0.1"))}
    )
    days = bars("100 100 100 100 800", "100 100 100 100 600")
    assert match(orders("+140 market gtc - - 0"), days, model).commission.tolist() == paid


def history(sessions: int = 12) -> Bars:
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, sessions)))
    opened = close * np.exp(rng.normal(0, 0.01, sessions))
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    volume = rng.integers(10_000, 90_000, sessions).astype(float)
    return Bars(*(column[:, None] for column in (opened, high, low, close, volume)))


@pytest.mark.parametrize("name", ["almgren_chriss", "square_root"])
def test_impact_is_that_of_the_formula_with_the_sessions_before(name: str) -> None:
    market = history()
    volume = market.volume[3:11, 0].mean()
    daily = np.diff(np.log(market.close[2:11, 0])).std(ddof=1)
    if name == "square_root":
        terms = SquareRootImpact(window=8, y=Decimal("0.9"), gamma=Decimal("0.2"))
        share = square_root_share(5000, volume, daily, y=0.9)
        share = share + permanent_share(5000, volume, daily, gamma=0.2) / 2
    else:
        terms = AlmgrenChrissImpact(window=8, days=Decimal("0.25"), inverse_turnover=Decimal(263))
        share = temporary_share(5000, volume, daily, eta=0.142, days=0.25)
        share = share + permanent_share(5000, volume, daily, gamma=0.314, inverse_turnover=263) / 2
    model = FREE.model_copy(update={"impact": terms})
    matched = match(orders("+5000 market day - - 11"), market, model)
    assert matched.price[0] == pytest.approx(market.open[11, 0] * (1 + share), rel=1e-8)
    assert share > 0.001


def test_an_order_cut_in_pieces_pays_the_impact_of_the_whole() -> None:
    model = FREE.model_copy(update={"impact": SquareRootImpact(window=8)})
    market = history()
    (whole,) = match(orders("+5000 market day - - 11"), market, model).amount
    pieces = match(orders("+2000 market day - - 11", "+3000 market day - - 11"), market, model)
    assert pieces.amount.sum() == pytest.approx(whole, abs=0.02)
    assert pieces.price[0] < pieces.price[1]


def test_a_spread_is_the_mean_of_the_estimates_before_within_its_bounds() -> None:
    market = history()
    columns = [column[:11, 0] for column in (market.high, market.low, market.close)]
    half = np.round(corwin_schultz(*columns)[-4:].mean() / 2, 6)
    asked = orders("+10 market day - - 11", "+10 market day - - 0")
    for floor, expected in (("0", half), ("900", 0.09)):
        terms = CorwinSchultzSpread(
            sessions=4, floor_half_bps=Decimal(floor), cap_half_bps=Decimal(1000)
        )
        matched = match(asked, market, FREE.model_copy(update={"spread": terms}))
        first, later = matched.price[matched.session == 0], matched.price[matched.session == 11]
        assert later[0] == pytest.approx(market.open[11, 0] * (1 + expected), abs=2e-6)
        known = float(floor) / 1e4  # nothing is known before the first session
        assert first[0] == pytest.approx(market.open[0, 0] * (1 + known), abs=2e-6)


def test_slippage_is_the_square_of_the_share_of_the_volume() -> None:
    model = FREE.model_copy(update={"slippage": VolumeShareSlippage(volume_limit=Decimal("0.1"))})
    matched = match(orders("+50 market day - - 0", "+70 market day - - 0"), DAY, model)
    assert matched.quantity.tolist() == [50, 50]
    assert matched.price.tolist() == pytest.approx([100 * (1 + 0.1 * 0.05**2), 100.1])


@pytest.mark.parametrize("name", MODELS)
def test_no_fill_breaks_what_every_fill_must_keep(name: str) -> None:
    rng = np.random.default_rng(11)
    market = random_bars(rng, 40, 5)
    asked = random_orders(rng, market, 3_000)
    matched, model = match(asked, market, MODELS[name]), MODELS[name]
    of = matched.order
    done = np.bincount(of, matched.quantity, minlength=3_000)
    assert done == pytest.approx(matched.filled, abs=1e-7)
    assert (matched.filled <= asked.quantity + 1e-9).all()
    is_full = np.abs(matched.filled - asked.quantity) < 1e-9
    assert (is_full == (matched.status == STATUSES.index("filled"))).all()
    limit = np.where(np.isnan(asked.limit), asked.side * np.inf, asked.limit)[of]
    assert (asked.side[of] * matched.price <= asked.side[of] * limit).all()
    assert (asked.side[of] * (matched.price - matched.reference) >= -1e-9).all()
    name_of, t = asked.name[of], matched.session
    assert (t >= asked.first[of]).all()
    assert (matched.reference <= market.high[t, name_of] + 1e-9).all()
    assert (matched.reference >= market.low[t, name_of] - 1e-9).all()
    assert (matched.commission >= 0).all()
    if model.participation is not None:
        taken = np.zeros(market.volume.shape)
        np.add.at(taken, (t, name_of), matched.quantity)
        share = float(model.participation.max_share)
        assert (taken <= share * np.nan_to_num(market.volume) + 1e-6).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_comes_later_changes_nothing_before(name: str) -> None:
    rng = np.random.default_rng(12)
    market = random_bars(rng, 40, 5)
    asked = random_orders(rng, market, 500)
    other = random_bars(np.random.default_rng(13), 40, 5)
    changed = Bars(
        *(
            np.vstack((getattr(market, each.name)[:20], getattr(other, each.name)[20:]))
            for each in fields(Bars)
        )
    )
    before, after = (match(asked, each, MODELS[name]) for each in (market, changed))
    for each in ("order", "session", "quantity", "price", "commission"):
        ours = getattr(before, each)[before.session < 20]
        assert ours.tolist() == getattr(after, each)[after.session < 20].tolist()


def test_orders_are_matched_the_same_in_any_company() -> None:
    rng = np.random.default_rng(14)
    market = random_bars(rng, 40, 5)
    asked = replace(random_orders(rng, market, 300), account=np.arange(300))
    together = match(asked, market, MODELS["limit touch and tiers"])
    for i in range(0, 300, 29):
        alone = Orders(*(getattr(asked, each.name)[i : i + 1] for each in fields(Orders)))
        one = match(alone, market, MODELS["limit touch and tiers"])
        assert one.price.tolist() == together.price[together.order == i].tolist()
        assert one.status[0] == together.status[i]


def test_no_orders_are_no_fills() -> None:
    none = Orders(*(getattr(orders("+1 market day - - 0"), f.name)[:0] for f in fields(Orders)))
    assert len(match(none, DAY, FREE).order) == 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("quantity", np.nan, "quantity"),
        ("quantity", 0.0, "quantity"),
        ("quantity", -1.0, "quantity"),
        ("quantity", np.inf, "quantity"),
        ("side", 0, "side"),
        ("first", 2, "first"),
        ("first", -1, "first"),
        ("name", 1, "name"),
        ("order_type", 4, "order_type"),
        ("time_in_force", 6, "time_in_force"),
        ("limit", 5.0, "limit"),
        ("stop", 5.0, "stop"),
        ("order_type", 1, "limit"),
    ],
)
def test_an_order_that_cannot_be_is_refused(field: str, value: float, said: str) -> None:
    good = orders("+10 market day - - 0")
    bad = replace(good, **{field: np.array([value], dtype=getattr(good, field).dtype)})
    with pytest.raises(InvalidRequest, match=said):
        match(bad, DAY, FREE)


def test_what_arrays_do_not_know_is_refused() -> None:
    asked = orders("+10 market day - - 0")
    with pytest.raises(InvalidRequest, match="latency"):
        match(asked, DAY, FREE.model_copy(update={"latency_seconds": 61}))
    with pytest.raises(InvalidRequest, match="stop is good for the day"):
        match(orders("+10 stop ioc - 100 0"), DAY, FREE)
    with pytest.raises(InvalidRequest, match="equally long"):
        match(replace(asked, side=np.array([1, 1])), DAY, FREE)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("100 99 90 95 10", "high"),
        ("100 101 96 95 10", "low"),
        ("0 101 0 95 10", "open"),
        ("100 101 90 95 -1", "volume"),
        ("100 inf 90 95 10", "high"),
    ],
)
def test_a_bar_that_cannot_be_is_refused(row: str, said: str) -> None:
    numbers = [float(each) for each in row.split()]
    market = Bars(*(np.array([[each]]) for each in numbers))
    with pytest.raises(InvalidRequest, match=said):
        match(orders("+10 market day - - 0"), market, FREE)


def test_bars_of_two_shapes_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="shape"):
        match(orders("+10 market day - - 0"), replace(DAY, low=DAY.low[:1]), FREE)
