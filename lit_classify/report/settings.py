"""The settings of runs, and those in which runs differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_SETTING = 200  # characters


def flat_settings(config: Mapping[str, Any]) -> dict[str, str | float | bool | None]:
    """Return the settings other than None that determine what is trained and evaluated, by dotted name."""
    flat: dict[str, str | float | bool | None] = {}

    def add(name: str, value: Any) -> None:  # noqa: ANN401 - plain data
        if isinstance(value, dict):
            for key, item in value.items():
                add(f"{name}.{key}" if key != "init_args" else name, item)
        elif value is not None and name.rpartition(".")[2] != "fitted_state":
            is_plain = isinstance(value, str | int | float | bool)
            flat[name] = value if is_plain else json.dumps(value, ensure_ascii=False)[:_MAX_SETTING]

    for section in ("model", "data", "trainer", "seed_everything"):
        add(section, config.get(section))
    for option in ("init_from", "find_lr", "test_best", "tune_threshold"):
        add(option, config.get(option) or None)
    return flat


def differing_settings(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the settings that are not the same in all runs.

    Args:
        runs: the settings of each run by name.

    Examples:
        >>> differing_settings([{"lr": 0.1, "seed": 1}, {"lr": 0.5, "seed": 1}])
        ['lr']
    """
    names = dict.fromkeys(name for settings in runs for name in settings)
    return [name for name in names if len({str(settings.get(name)) for settings in runs}) > 1]
