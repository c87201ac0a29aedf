"""A table with columns of every kind."""

import numpy as np
import polars as pl


def mixed_table(num_rows: int = 600) -> pl.DataFrame:
    random = np.random.default_rng(0)
    size = random.normal(50, 10, num_rows).round(3)
    color = random.choice(["red", "green", "blue"], num_rows)
    score = size + 10 * (color == "red") + random.normal(0, 3, num_rows)
    missing = random.random(num_rows) < 0.1
    days = pl.Series(np.datetime64("2024-01-01") + random.integers(0, 800, num_rows).astype("timedelta64[D]"))
    return pl.DataFrame(
        {
            "size": pl.Series(size).set(pl.Series(missing), None),
            "color": color,
            "street": random.choice([f"street {number}" for number in range(50)], num_rows),
            "day": days.dt.strftime("%d.%m.%Y"),
            "member": random.choice(["yes", "no"], num_rows),
            "price": [f"${price:,.2f}" for price in random.normal(2000, 100, num_rows)],
            "split": random.choice(["train", "train", "train", "val", "test"], num_rows),
            "target": np.where(score > 52, "up", "down"),
        }
    )
