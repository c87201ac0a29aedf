"""Convert the rows of a CSV file to the numbers that an exported model takes; see schema.json."""

import csv
import math
from datetime import UTC, datetime
from typing import Any


def read_rows(path: str, schema: dict[str, Any]) -> list[list[float]]:
    """Return a list of numbers for each row."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = max(",;\t|", key=file.readline().count)
        file.seek(0)
        header, *rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    names = [name.strip() for name in header]
    columns = [(names.index(column["name"]), column) for column in schema["columns"]]
    return [[to_number(row[place].strip(), column, schema) for place, column in columns] for row in rows]


def to_number(cell: str, column: dict[str, Any], schema: dict[str, Any]) -> float:
    """Return a cell as a number: NaN for a missing one, the code of a category, a part of a date."""
    if column["kind"] == "category":
        text = " ".join(cell.lower().split()) if schema["ignore_case"] else cell
        return 1 if cell in schema["missing"] else float(column["codes"].get(text, 0))
    if cell in schema["missing"]:
        return math.nan
    if column["kind"] == "date":
        return date_part(cell, column["format"]["pattern"], column["part"])
    if cell.lower() in schema["words"]:
        return float(schema["words"][cell.lower()])
    number_format = column["format"]
    for sign in filter(None, (number_format["unit"], number_format["thousands"], " ", "\u00a0", "\u202f")):
        cell = cell.replace(sign, "")
    cell = cell.replace(number_format["decimal"], ".").replace("(", "-").replace(")", "")
    number = float(cell.replace("\u2212", "-"))
    return math.nan if number in schema["missing_numbers"] else number


def date_part(cell: str, pattern: str, part: str) -> float:
    """Return a part of a date and time in UTC, or the days since 1970."""
    is_iso = not pattern or pattern.startswith("%Y-%m-%d")
    time = datetime.fromisoformat(cell) if is_iso else datetime.strptime(cell, pattern.replace("%.f", ".%f"))
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    if part == "elapsed":
        return (time - datetime(1970, 1, 1)).total_seconds() / 86400
    return time.isoweekday() if part == "weekday" else float(getattr(time, part))
