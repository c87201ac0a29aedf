"""YAML with a bounded size after alias expansion, in which strings survive a round trip.

PyYAML does not quote ``1e3`` or ``08``, which its reader resolves to strings but other readers to numbers.
Here the reader and the writer share one table of resolvers, and ambiguous strings are quoted.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

from lit_classify.errors import UserError

MAX_CHARACTERS = 1_000_000
MAX_NODES = 20_000  # after alias expansion; configurations of runs have a few hundred
MAX_LEVELS = 50

# The core schema of YAML 1.2 without octal and hexadecimal numbers, and ``none`` as Python users write it.
_RESOLVERS = (
    ("null", r"~|null|Null|NULL|none|None|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", "<<", "<"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - PyYAML's signature
        """Write repeated values in full, because aliases are hard to read."""
        return True


for _cls in (_Loader, _Dumper):
    for _tag, _pattern, _characters in _RESOLVERS:
        _cls.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}",
            re.compile(rf"(?:{_pattern})\Z"),
            ["" if c == "\0" else c for c in _characters],
        )


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quote and escape Unicode line breaks, which PyYAML writes unquoted and reads as spaces."""
    text = str.__str__(text)  # the value of a subclass, such as an enumeration of Lightning
    style = '"' if re.search("[\x7f-\x9f\u2028\u2029\ufeff]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent)
_Dumper.add_multi_representer(str, _represent)


def load(text: str) -> Any:  # noqa: ANN401 - plain data
    """Parse YAML into plain data.

    Raises:
        UserError: the text exceeds the limits of length, nesting or expanded size.
        yaml.YAMLError: the text is not valid YAML.

    Examples:
        >>> load("{lr: 1e-3, names: [no, 08, 1:30], activation: none}")
        {'lr': 0.001, 'names': ['no', '08', '1:30'], 'activation': None}
    """
    return deepcopy(_load(text))


@lru_cache(maxsize=256)  # most calls of the parser in a command repeat earlier ones
def _load(text: str) -> Any:  # noqa: ANN401 - plain data
    _check(text)
    try:
        return yaml.load(text, Loader=_Loader)
    except (AttributeError, LookupError) as error:  # PyYAML's errors for a value that does not match its tag
        raise yaml.YAMLError(f"a value does not match its tag ({type(error).__name__})") from error
    except ValueError as error:  # more digits than Python converts to int
        raise UserError(f"a value of the configuration cannot be read: {error}") from error


def dump(data: Any) -> str:  # noqa: ANN401 - plain data
    r"""Return plain data as YAML that ``load`` reads back unchanged.

    Examples:
        >>> dump({"target": "1e3", "names": ["none", "a"]})
        "target: '1e3'\nnames:\n- 'none'\n- a\n"
    """
    return str(yaml.dump(data, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False))


def texts(data: Any) -> Iterator[str]:  # noqa: ANN401 - plain data
    """Yield every string in plain data, including keys.

    Examples:
        >>> list(texts({"model": {"hidden": [10], "activation": "ReLU"}}))
        ['model', 'hidden', 'activation', 'ReLU']
    """
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from texts([*data.keys(), *data.values()])
    elif isinstance(data, list):
        for item in data:
            yield from texts(item)


def _check(text: str) -> None:
    """Check the limits before any object is built; nodes are counted after alias expansion."""
    if len(text) > MAX_CHARACTERS:
        raise UserError(f"the configuration has {len(text):,} characters; the maximum is {MAX_CHARACTERS:,}")
    sizes: dict[str, int] = {}  # number of nodes of each anchor
    levels: list[tuple[str | None, int]] = []  # the anchor of each open collection, and the nodes before it
    nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _ in levels):
                raise UserError(f"the configuration's value &{event.anchor} contains itself")
            nodes += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            levels.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = levels.pop()
            if anchor:
                sizes[anchor] = nodes - start
        if nodes > MAX_NODES:
            raise UserError(f"the configuration expands to more than {MAX_NODES:,} values")
        if len(levels) > MAX_LEVELS:
            raise UserError(f"the configuration is nested deeper than {MAX_LEVELS} levels")
