"""A basket's months: computed by hand, and refused in a caller's words."""

from __future__ import annotations

import numpy as np
import pytest

from quant.basket import monthly_basket_returns
from schemas.errors import InvalidRequest


def test_months_are_those_between_two_complete_ends() -> None:
    sessions = np.array(
        ["2020-01-30", "2020-01-31", "2020-02-28", "2020-03-31", "2020-04-01"], "datetime64[D]"
    )
    closes = np.array([[9, 9], [10, 20], [11, 20], [22, 10], [99, 99]], dtype=float)
    months, returns = monthly_basket_returns(sessions, closes)
    assert months.astype(str).tolist() == ["2020-02", "2020-03"]
    assert returns == pytest.approx([0.05, 0.25])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_too_few_months_are_said_in_months_not_in_rows(rows: int) -> None:
    sessions = np.datetime64("2020-01-30") + np.arange(rows)
    with pytest.raises(InvalidRequest, match="at least two complete months of prices"):
        monthly_basket_returns(sessions, np.full((rows, 2), 5.0))
