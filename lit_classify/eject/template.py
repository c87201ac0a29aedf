"""Templates of the sections of a script.

Lines between ``#if flag !other`` and ``#end`` are kept if ``flag`` is set and ``other`` is not; those after
``#else`` are kept otherwise. A placeholder such as ``$network`` is replaced by a value, whose lines are
indented like the placeholder.
"""

import re
from collections.abc import Collection, Mapping
from importlib.resources import files

_FOLDER = files("lit_classify.eject.templates")
_PLACEHOLDER = re.compile(r"\$(\w+)|\$\{(\w+)\}")


def fill(name: str, values: Mapping[str, object], flags: Collection[str]) -> str:
    """Return a template with its values.

    Args:
        name: name of the template.
        values: the value of each placeholder.
        flags: the flags that are set.

    Raises:
        KeyError: a placeholder has no value.

    Examples:
        >>> print(fill("start", {"device": "'cpu'"}, flags=["one_thread"]).splitlines()[-1])
        device = 'cpu'
    """
    active, lines = [True], []
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        directive, *conditions = line.split() or [""]
        if directive == "#if":
            active.append(all(_holds(condition, flags) for condition in conditions))
        elif directive == "#else":
            active[-1] = not active[-1]
        elif directive == "#end":
            active.pop()
        elif all(active):
            lines.append(_replace(line, values))
    return "\n".join(lines)


def _holds(condition: str, flags: Collection[str]) -> bool:
    return (condition.lstrip("!") in flags) != condition.startswith("!")


def _replace(line: str, values: Mapping[str, object]) -> str:
    indent = line[: len(line) - len(line.lstrip())]

    def value(match: re.Match[str]) -> str:
        return str(values[match[1] or match[2]]).replace("\n", f"\n{indent}")

    return "\n".join(filled.rstrip() for filled in _PLACEHOLDER.sub(value, line).split("\n"))
