"""When the schedule starts runs: EventBridge's cron expressions, and how many starts a month they mean.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from datetime import date, timedelta

FIELDS = 6
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS_OF_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Four years, so that the average month has its share of leap days.
FIRST_DAY, DAYS_COUNTED, MONTHS_COUNTED = date(2025, 1, 1), 1461, 48


def checked_schedule(expression: str) -> str:
    """Return a cron expression. Raises ValueError where it is none, or starts more than one run an hour."""
    starts_per_month(expression)
    return expression


def starts_per_month(expression: str) -> float:
    """Return how many times a month the expression means, on average.

    Raises:
        ValueError: It is not minute, hours, day of month, months, day of week, `*`; or not one of the days is
            `?`; or it has `L`, `W` or `#`; or several minutes: runs of one hour would overtake each other; or
            there is no such day, as 30 February.
    """
    parts = expression.upper().split()
    if len(parts) != FIELDS or parts[5] != "*" or (parts[2] == "?") == (parts[4] == "?"):
        raise ValueError(expression)
    if "?" in parts[1] + parts[3] or not 0 <= _number(parts[0]) <= 59:
        raise ValueError(expression)
    hours = _values(parts[1], 0, 23)
    days, months = _values(parts[2], 1, 31), _values(parts[3], 1, 12, MONTHS)
    days_of_week = _values(parts[4], 1, 7, DAYS_OF_WEEK)
    dates = (FIRST_DAY + timedelta(days=number) for number in range(DAYS_COUNTED))
    matching = sum(
        day.day in days and day.month in months and day.isoweekday() % 7 + 1 in days_of_week for day in dates
    )
    if not matching:
        raise ValueError(expression)
    return matching * len(hours) / MONTHS_COUNTED


def _values(text: str, least: int, most: int, names: tuple[str, ...] = ()) -> set[int]:
    """Return the numbers of one field: `*`, `?`, `3`, `MON-FRI`, `1,15`, `0/6`. Raises ValueError."""
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = least if span in ("*", "?") else _number(first, names)
        end = _number(last, names) if dash else most if slash or span in ("*", "?") else begin
        if not least <= begin <= end <= most:
            raise ValueError(text)
        values.update(range(begin, end + 1, _number(step) if slash else 1))
    return values


def _number(text: str, names: tuple[str, ...] = ()) -> int:
    if text in names:
        return names.index(text) + 1
    if not re.fullmatch("[0-9]+", text):  # int() would take `-1`, `+1` and `1_0` as well
        raise ValueError(text)
    return int(text)
