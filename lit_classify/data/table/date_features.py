"""The features of dates and times: elapsed days and parts of the calendar."""

from typing import Literal

import polars as pl

Part = Literal["", "elapsed", "year", "month", "weekday", "hour"]  # empty for columns without dates


def date_part(times: pl.Series, part: Part) -> pl.Series:
    """Return a part of each date and time as a number; see ``Encoder``.

    Examples:
        >>> from datetime import datetime
        >>> times = pl.Series([datetime(1970, 1, 2, 12), None])
        >>> date_part(times, "elapsed").to_list(), date_part(times, "weekday").to_list()
        ([1.5, None], [5.0, None])
    """
    if part == "elapsed":
        return times.to_physical() / 86_400e6
    numbers: pl.Series = getattr(times.dt, part)()
    return numbers.cast(pl.Float64)
