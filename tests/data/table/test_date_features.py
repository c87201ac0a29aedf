from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from lit_classify.data.table.date_features import Part, date_part

TIMES = [datetime(2024, 2, 29, 23, 59) + timedelta(days=11 * n, hours=n) for n in range(50)]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("elapsed", [time.replace(tzinfo=UTC).timestamp() / 86_400 for time in TIMES]),
        ("year", [time.year for time in TIMES]),
        ("month", [time.month for time in TIMES]),
        ("weekday", [time.isoweekday() for time in TIMES]),
        ("hour", [time.hour for time in TIMES]),
    ],
)
def test_parts_are_those_of_the_standard_library(part: Part, expected: list[float]) -> None:
    *numbers, missing = date_part(pl.Series([*TIMES, None]), part)
    assert numbers == pytest.approx(expected)
    assert missing is None
