"""Templates of the parts of a script.

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
    kept, lines = [True], []
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        word, *conditions = line.split() or [""]
        if word == "#if":
            kept.append(all((name.lstrip("!") in flags) != name.startswith("!") for name in conditions))
        elif word == "#else":
            kept[-1] = not kept[-1]
        elif word == "#end":
            kept.pop()
        elif all(kept):
            lines.append(_replace(line, values))
    return "\n".join(lines)


def _replace(line: str, values: Mapping[str, object]) -> str:
    indent = line[: len(line) - len(line.lstrip())]

    def value(match: re.Match[str]) -> str:
        return str(values[match[1] or match[2]]).replace("\n", f"\n{indent}")

    return "\n".join(part.rstrip() for part in _PLACEHOLDER.sub(value, line).split("\n"))
