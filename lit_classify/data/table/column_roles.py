"""The roles of a table's columns, as the options set them: target, features, split and so on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from os import PathLike

from lit_classify.errors import UserError

Names = list[str] | str | None
_EXCLUSIVE = {
    "numeric": ("categorical",),
    "features": ("ignore", "target"),
    "ignore": ("target",),
    "split": ("target", "groups", "features"),
    "groups": ("target",),
    "sample_weight": ("target", "split", "groups", "features"),
}


@dataclass(frozen=True)
class ColumnRoles:
    """Names of the columns of each role; see TableDataModule.

    Raises:
        UserError: a column has two roles that exclude each other.

    Examples:
        >>> roles = ColumnRoles(["y"], [], ["id"], [], [], [], ["patient"], [])
        >>> sorted(roles.not_features)
        ['patient', 'y']
        >>> ColumnRoles(["y"], ["y"], [], [], [], [], [], [])
        Traceback (most recent call last):
            ...
        lit_classify.errors.UserError: 'y' cannot be features and target at once
    """

    target: list[str]
    features: list[str]
    ignore: list[str]
    categorical: list[str]
    numeric: list[str]
    split: list[str]
    groups: list[str]
    sample_weight: list[str]

    def __post_init__(self) -> None:
        roles = asdict(self)
        for role, excluded_roles in _EXCLUSIVE.items():
            for excluded in excluded_roles:
                if both := sorted(set(roles[role]) & set(roles[excluded])):
                    raise UserError(f"{both[0]!r} cannot be {role} and {excluded} at once")

    @property
    def all(self) -> list[str]:
        """All columns that have a role."""
        return [name for names in asdict(self).values() for name in names]

    @property
    def not_features(self) -> set[str]:
        """The columns that cannot be features."""
        return {*self.target, *self.split, *self.groups, *self.sample_weight}


def as_list(names: Sequence[str | float] | str | float | PathLike[str] | None) -> list[str]:
    """Return one name or several as a list; names of columns of a DataFrame, and cells, may be numbers.

    Examples:
        >>> as_list("a"), as_list(["a", "b"]), as_list(None), as_list(-999)
        (['a'], ['a', 'b'], [], ['-999'])
    """
    if names is None:
        return []
    return [str(names)] if isinstance(names, str | float | Real | PathLike) else [str(name) for name in names]
