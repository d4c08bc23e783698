"""The arguments of the lending tools: each with its bounds and the words a model reads."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from schemas.base import Money
from schemas.loan import FilingStatus

_LARGEST = Decimal(1000000000)

Principal = Annotated[
    Annotated[Money, Field(gt=0, le=_LARGEST)] | None,
    Field(description="Amount borrowed; default: the application's."),
]
RateAnnual = Annotated[
    Annotated[Decimal, Field(ge=0, le=1)] | None,
    Field(description="Rate a year as a decimal (0.08 is 8 %); default: the application's."),
]
Term = Annotated[
    Annotated[int, Field(ge=1, le=480)] | None,
    Field(description="Number of monthly instalments, 1 to 480; default: the application's."),
]
Fee = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Origination fee kept back at payout; default: the application's, else 0."),
]
DisbursedOn = Annotated[
    date | None, Field(description="Day the loan is paid out; default: the application's or today.")
]
FirstDueOn = Annotated[
    date | None,
    Field(description="First due date; default: the application's, or a month after payout."),
]
Invested = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Amount invested at payout; default: the application's share."),
]
Floor = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="The fund is never drawn below this; default: the application's, else 0."),
]
FundReturn = Annotated[
    Annotated[Decimal, Field(ge=-1, le=1)] | None,
    Field(description="Expected fund return a year (0.10 is 10 %); default: the application's."),
]
Disposable = Annotated[
    Annotated[Money, Field(ge=-_LARGEST, le=_LARGEST)] | None,
    Field(
        description="Net income less living costs and other debt service, a month; default: the "
        "application's."
    ),
]


IncomeNet = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Net income a month; default: the application's."),
]
IncomeGross = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Gross income a month; default: the application's."),
]
Expenses = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Living costs a month, housing included, without debt service."),
]
Housing = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Rent or mortgage a month, part of the expenses; default: 0."),
]
DebtPayments = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Payments on other debts a month."),
]
YearIncome = Annotated[
    Annotated[Money, Field(ge=0, le=_LARGEST)] | None,
    Field(description="Gross ordinary income of the year; default: the application's times 12."),
]
Gains = Annotated[
    Money,
    Field(ge=-_LARGEST, le=_LARGEST, description="Net long-term gains of the year; a loss is < 0."),
]
Status = Annotated[
    FilingStatus | None, Field(description="Filing status; default: the application's.")
]
