"""Strings as arguments that may be callables too, such as ``pruning_fn`` of ModelPruning, in a configuration.

Reason: jsonargparse writes those that it cannot import as "Unable to serialize instance l1_unstructured",
which cannot be read back. The function that does so is private.
"""

from jsonargparse import _typehints

_write_import_path = _typehints.serialize_as_import_path


def write_strings() -> None:
    """Make jsonargparse write strings unchanged from now on."""

    def write(value: object) -> object:
        if isinstance(value, str):
            return value
        return _write_import_path(value)  # type: ignore[no-untyped-call]

    _typehints.serialize_as_import_path = write
