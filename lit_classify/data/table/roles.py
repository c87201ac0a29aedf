"""What a table's owner says of its columns."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from lit_classify.errors import UserError

Names = list[str] | str | None
_EXCLUSIVE = (
    ("numeric", "categorical"),
    ("features", "ignore"),
    ("features", "target"),
    ("ignore", "target"),
    ("split", "target"),
    ("groups", "target"),
    ("split", "groups"),
    ("split", "features"),
)


@dataclass(frozen=True)
class Declared:
    """Columns by their duties; see TableDataModule.

    Raises:
        UserError: a column has two duties that exclude each other.
    """

    target: list[str]
    features: list[str]
    ignore: list[str]
    categorical: list[str]
    numeric: list[str]
    split: list[str]
    groups: list[str]

    @classmethod
    def of(cls, **duties: Names) -> "Declared":
        """Build it from one name, several, or none for each duty."""
        return cls(**{duty: names(given) for duty, given in duties.items()})

    def __post_init__(self) -> None:
        duties = asdict(self)
        for first, second in _EXCLUSIVE:
            if both := sorted(set(duties[first]) & set(duties[second])):
                raise UserError(f"{both[0]!r} cannot be {first} and {second} at once")

    @property
    def all(self) -> list[str]:
        """Return all columns that are named."""
        return [name for field in fields(self) for name in getattr(self, field.name)]

    @property
    def no_features(self) -> set[str]:
        """Return the columns whose duty keeps the network from seeing them."""
        return {*self.target, *self.split, *self.groups}

    def as_dict(self) -> dict[str, Any]:
        """Return the duties as plain data."""
        return asdict(self)


def names(given: Sequence[str] | str | None) -> list[str]:
    """Return one name or several as a list."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else [str(name) for name in given]


def one_of(name: str, value: str, known: Sequence[str]) -> None:
    """Raise UserError unless a value is a known one."""
    if value not in known:
        raise UserError(f"{name} must be {' or '.join(known)}, but is {value!r}")


def listed(given: Sequence[str] | None) -> list[str] | None:
    """Return names as a list, none as none."""
    return None if given is None else list(given)
