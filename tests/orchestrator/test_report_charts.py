"""Charts are pure, keep every extreme, and never rely on colour alone."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.charts import Axis, Layer, Line, area_chart, fan, line_chart, stacked_bars
from orchestrator.report.svg import (
    Frame,
    Scale,
    date_ticks,
    element,
    path,
    spread,
    thin,
    ticks,
)
from orchestrator.report.words import (
    count,
    date_list,
    listing,
    money,
    number,
    percent,
    quantity,
    short_names,
)
from tests.orchestrator.reading import read

AXIS = Axis(str)
FRAME = Frame(400, 200)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def line(values: list[float], name: str = "one", style: str = "s1") -> Line:
    start = date(2020, 1, 1)
    return Line(name, tuple((start + timedelta(days=k), v) for k, v in enumerate(values)), style)


@given(st.lists(st.tuples(st.floats(0, 500), NUMBERS), min_size=1, max_size=300))
def test_thinning_keeps_ends_and_extremes_in_order(points: list[tuple[float, float]]) -> None:
    points.sort(key=lambda point: point[0])
    kept = thin(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert min(y for _, y in kept) == min(y for _, y in points)
    assert max(y for _, y in kept) == max(y for _, y in points)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    assert set(kept) <= set(points)


def test_a_long_line_is_as_long_as_it_is_wide() -> None:
    long = line([float((k * 37) % 101) for k in range(20_000)])
    drawn = line_chart([long], frame=FRAME, axis=AXIS, label="x")
    assert len(thin([(k / 50, float(k % 7)) for k in range(20_000)])) <= 4 * 401
    assert len(drawn) < 30_000


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=60))
def test_a_path_ends_within_a_tenth_of_where_it_should(points: list[tuple[float, float]]) -> None:
    found = [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", path(points))]
    x, y = sum(found[0::2]), sum(found[1::2])
    assert x == pytest.approx(points[-1][0], abs=0.06)
    assert y == pytest.approx(points[-1][1], abs=0.06)


@given(NUMBERS, st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_round_within_range_and_not_too_many(low: float, size: float, n: int) -> None:
    found = ticks(low, low + size, n)
    assert len(found) <= n + 1
    assert all(low - size * 1e-6 <= v <= low + size * (1 + 1e-6) for v in found)
    assert found == sorted(set(found))


def test_ticks_of_a_plain_range_are_the_obvious_ones() -> None:
    assert ticks(0, 100, 5) == [0, 20, 40, 60, 80, 100]
    assert ticks(-0.3, 0, 3) == [-0.3, -0.2, -0.1, 0]


def test_dates_are_ticked_at_starts_of_years_or_quarters() -> None:
    years = date_ticks(date(2020, 1, 2), date(2022, 12, 28), 7)
    assert [text for _, text in years] == ["2020", "Jul", "2021", "Jul", "2022", "Jul"]
    assert [text for _, text in date_ticks(date(2020, 2, 5), date(2020, 6, 20), 7)] == [
        *("Feb 2020", "Mar", "Apr", "May", "Jun")
    ]
    assert date_ticks(date(2020, 2, 5), date(2020, 2, 7)) == [(date(2020, 2, 5), "5 Feb 2020")]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_never_overlap_and_keep_their_order(wanted: list[float]) -> None:
    placed = spread(wanted, 14, 0, 100)
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    at = [placed[k] for k in order]
    assert all(b - a >= 14 - 1e-9 for a, b in pairwise(at))
    assert max(placed) <= 100


def test_names_are_escaped_in_a_chart() -> None:
    drawn = line_chart([line([1, 2], "<b>&\"'")], frame=FRAME, axis=AXIS, label='"><b>')
    assert "<b>" not in drawn
    found = read(drawn)
    assert found.unbalanced == []
    assert "<b>&\"'" in found.words()


def test_an_element_takes_markup_as_it_is_and_escapes_the_rest() -> None:
    assert element("g", element("text", "<", x=1.04)) == '<g><text x="1">&lt;</text></g>'


@pytest.mark.parametrize("narrow", [False, True])
def test_lines_are_told_apart_without_colour(*, narrow: bool) -> None:
    frame = Frame(400, 200, right=90, narrow=narrow)
    drawn = line_chart([line([1, 2], "up"), line([2, 1], "down")], frame=frame, axis=AXIS, label="")
    words = read(drawn).words()
    for name in ("A", "B") if narrow else ("up", "down"):
        assert name in words


def test_every_chart_has_a_label_and_the_same_bytes_again() -> None:
    def draw() -> list[str]:
        curve = line([0.0, -0.1, -0.05])
        layers = [Layer("a", (1.0, 2.0), "p1"), Layer("b", (0.5, 0.0), "p4")]
        bands = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 5.0]]
        return [
            line_chart([curve], frame=FRAME, axis=AXIS, label="said"),
            area_chart(curve, frame=FRAME, axis=Axis(str, zero=True), label="said", beside=curve),
            stacked_bars(["1", "2"], layers, frame=FRAME, axis=Axis(str, zero=True), label="said"),
            fan(bands, frame=FRAME, axis=AXIS, label="said"),
        ]

    assert draw() == draw()
    for drawn in draw():
        page = read(drawn)
        assert page.unbalanced == []
        assert page.tags[0][1]["aria-label"] == "said"


def test_bars_of_a_stack_add_up_to_their_total() -> None:
    layers = [Layer("a", (30.0,), "p1"), Layer("b", (70.0,), "p2")]
    axis = Axis(str, zero=True, low=0.0, high=100.0)
    drawn = stacked_bars(["1"], layers, frame=FRAME, axis=axis, label="")
    heights = [float(a["height"] or 0) for tag, a in read(drawn).tags if tag == "rect"]
    assert sum(heights) == pytest.approx(FRAME.y_end - FRAME.top, abs=0.2)
    assert heights[0] / sum(heights) == pytest.approx(0.3, abs=0.01)


def test_a_run_that_ended_early_is_drawn_on_the_days_that_are_read_out() -> None:
    short, whole = line([0.0, -0.1]), line([0.0, -0.1, -0.2, 0.0, -0.1], "yardstick", "b1")
    drawn = read(area_chart(short, frame=FRAME, axis=AXIS, label="", beside=whole))
    paths = {a.get("class"): a.get("d") or "" for tag, a in drawn.tags if tag == "path"}

    def width(name: str) -> float:
        return sum(float(x) for x in re.findall(r"(-?[\d.]+) -?[\d.]+", paths[name])[1:])

    assert width("curve b1") == pytest.approx(FRAME.x_end - FRAME.left, abs=0.3)
    assert width("curve s1") == pytest.approx((FRAME.x_end - FRAME.left) / 4, abs=0.3)


def test_amounts_below_a_thousand_show_their_cents() -> None:
    write = money("USD")
    assert [write(Decimal(v)) for v in ("0.01", "999.99", "500", "1000.40", "-0.50")] == [
        *("$0.01", "$999.99", "$500", "$1,000", "\u2212$0.50")
    ]


def test_a_flat_or_single_point_still_draws() -> None:
    assert "path" in line_chart([line([5.0])], frame=FRAME, axis=AXIS, label="")
    assert "path" in line_chart([line([5.0, 5.0])], frame=FRAME, axis=AXIS, label="")
    assert line_chart([], frame=FRAME, axis=AXIS, label="") == ""
    assert Scale(1, 1, 7, 9)(3) == 7


def test_numbers_read_as_they_should() -> None:
    assert number(-1234.5, 1) == "\u22121,234.5"
    assert number(-0.001, 1) == "0.0"
    assert money("USD")(-1234.56, 2) == "\u2212$1,234.56"
    assert money("SEK")(5) == "SEK\u00a05"
    assert percent(0.1234, plus=True) == "+12.3\u202f%"
    assert [count(n, "model") for n in (0, 1, 2, 12)] == [
        *("no models", "one model", "two models", "12 models")
    ]
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert quantity(Decimal("1200.500000")) == "1,200.5"


def test_a_provider_is_dropped_only_where_the_rest_is_unique() -> None:
    assert short_names(["a:x", "b:x", "a:y"]) == {"a:x": "a:x", "b:x": "b:x", "a:y": "y"}


def test_dates_are_listed_by_month() -> None:
    days = [date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3)]
    assert date_list(days) == [("Jan 2020", "30 31"), ("Feb 2020", "3")]
