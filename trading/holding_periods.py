"""How long something was held, as taxes count it."""

from __future__ import annotations

from datetime import date


def held_over_a_year(opened: date, until: date) -> bool:
    """Tell whether units bought on one day and sold on another were held for more than a year.

    The day of purchase does not count, that of the sale does (Rev. Rul. 66-7): bought on 6 January,
    they are long-term from 7 January of the next year on. The year of a 29 February ends on the
    28th.
    """
    if opened.year == date.max.year:
        return False
    day = 28 if (opened.month, opened.day) == (2, 29) else opened.day
    return until > date(opened.year + 1, opened.month, day)
