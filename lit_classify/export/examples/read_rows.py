"""Convert the rows of a CSV file to the numbers that an exported model takes; see schema.json."""

import csv
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any


def read_rows(path: str, schema: dict[str, Any]) -> list[list[float]]:
    """Return a list of numbers for each row."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = max(",;\t|", key=file.readline().count)
        file.seek(0)
        header, *rows = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    names = [name.strip() for name in header]
    columns = [(names.index(column["name"]), column) for column in schema["columns"]]
    return [[to_number(row[index].strip(), column, schema) for index, column in columns] for row in rows]


def to_number(cell: str, column: dict[str, Any], schema: dict[str, Any]) -> float:
    """Return a cell as a number: NaN for a missing one, the code of a category, a part of a date."""
    if column["kind"] == "category":
        text = " ".join(cell.lower().split()) if schema["ignore_case"] else cell
        return 1 if cell in schema["missing"] else float(column["codes"].get(text, 0))
    if cell in schema["missing"]:
        return math.nan
    number_format = column["format"]
    if column["kind"] == "date":
        return date_part(parse_time(cell, number_format["pattern"]), column["part"])
    if number_format["pattern"]:
        return (parse_time(cell, number_format["pattern"]) - datetime(1900, 1, 1)).total_seconds()
    if cell.lower() in schema["words"]:
        return float(schema["words"][cell.lower()])
    for symbol in filter(None, (number_format["unit"], number_format["thousands"], " ", "\u00a0", "\u202f")):
        cell = cell.replace(symbol, "")
    cell = cell.replace(number_format["decimal"], ".").replace("(", "-").replace(")", "")
    number = float(cell.replace("\u2212", "-"))
    return math.nan if number in schema["missing_numbers"] else number


def parse_time(cell: str, pattern: str) -> datetime:
    """Return a date and time in UTC, or a time of 1900-01-01."""
    if pattern:
        fraction = re.search(r"(?<=:\d\d)\.(\d+)", cell)
        cell = cell.replace(fraction[0], "") if fraction else cell
        cell = re.sub(r"([A-Za-z]{3})[A-Za-z]+", r"\1", cell)  # names of months
        cell = re.sub(r"(?<=\d)(?=[AaPp][Mm])", " ", cell)
        if "%#z" in pattern:  # a time zone: Z, +01, +0100 or +01:00, perhaps after spaces
            cell = re.sub(r"\s*([+-]\d\d)$", r"\g<1>00", re.sub(r"\s+(?=[+-]\d)", "", cell))
        for directive, replacement in (("%.f", ""), ("%B", "%b"), ("%#z", "%z")):
            pattern = pattern.replace(directive, replacement)
        time = datetime.strptime(cell, pattern)
        time += timedelta(microseconds=int(fraction[1][:6].ljust(6, "0")) if fraction else 0)
        if "%y" in pattern and time.year == 1969:
            time = time.replace(year=2069)  # two digits are years from 1970 to 2069
    else:
        time = datetime.fromisoformat(cell)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def date_part(time: datetime, part: str) -> float:
    """Return a part of a date and time, or the days since 1970."""
    if part == "elapsed":
        return (time - datetime(1970, 1, 1)).total_seconds() / 86400
    return time.isoweekday() if part == "weekday" else float(getattr(time, part))
