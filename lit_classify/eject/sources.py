"""Definitions of this package as they stand in its source, without what a script does not need.

Left out are checks of options, methods that are not called, and sections of docstrings about both.
"""

import ast
import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from types import ModuleType
from typing import Any

PACKAGE = "lit_classify"
_COMMENTS = re.compile(r"  # (?:type: ignore|noqa).*")
_SECTION = re.compile(r"^(?:Raises|Examples):", re.MULTILINE)
Import = tuple[str, str | None]  # a module, and the name that is imported from it


@dataclass
class Sources:
    """Definitions that a script needs, and what they import.

    Args:
        constants: assignments by name.
        definitions: functions and classes by name, each after those that it needs.
        imports: what each imported name is.

    Examples:
        >>> from lit_classify.seeds import stream_seed
        >>> sources = Sources.of([stream_seed], "")
        >>> list(sources.constants), list(sources.definitions)
        (['_BITS', '_MASK'], ['_keys', 'stream_seed'])
    """

    constants: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Iterable[Any], script: str) -> "Sources":
        """Return the definitions of functions and classes, and of what they need.

        Args:
            objects: the functions and classes.
            script: the code that calls them.
        """
        called, before = _attributes(script), None
        while called != before:  # methods may call further ones
            before, found = called, cls()
            for part in objects:
                found._add(part, called)
            called = called.union(*map(_attributes, found.definitions.values()))
        return found

    @property
    def code(self) -> str:
        """The definitions as code."""
        parts = ["\n".join(self.constants.values())] if self.constants else []
        return "\n\n\n".join([*parts, *self.definitions.values()])

    def _add(self, part: Any, called: frozenset[str]) -> None:  # noqa: ANN401 - a function or class
        name = part.__name__
        if name not in self.definitions and name not in self.imports:
            code = prune(inspect.getsource(part), called)
            self._add_names(code, sys.modules[part.__module__], called)
            self.definitions[name] = code

    def _add_names(self, code: str, module: ModuleType, called: frozenset[str]) -> None:
        """Add what a piece of code of a module needs."""
        statements = ast.parse(inspect.getsource(module)).body
        imported = dict(_imports(statements))
        for name in sorted(free_names(code)):
            origin, original = imported.get(name, (module.__name__, name))
            if origin.partition(".")[0] != PACKAGE:
                self.imports[name] = origin, original
                continue
            value = inspect.unwrap(getattr(module, name))
            if inspect.isclass(value) or inspect.isfunction(value):
                self._add(value, called)
            elif name not in self.constants:
                home = sys.modules[origin]
                source = inspect.getsource(home)
                (assigned,) = [part for part in ast.parse(source).body if original in _assigned(part)]
                text = ast.get_source_segment(source, assigned) or ""
                self._add_names(text, home, called)
                self.constants[name] = re.sub("  # .*", "", text)


def free_names(code: str) -> set[str]:
    r"""Return the names that a piece of code uses without defining them.

    Examples:
        >>> free_names("def f(x):\n    y = x\n    return torch.cat(y)")
        {'torch'}
    """
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    defined = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
    return {name.id for name in names} - defined - set(dir(builtins))


def import_lines(imports: dict[str, Import]) -> str:
    """Return import statements, those of the standard library first.

    Examples:
        >>> print(import_lines({"nn": ("torch", "nn"), "math": ("math", None), "plt": ("a.plt", None)}))
        import math
        <BLANKLINE>
        import a.plt as plt
        from torch import nn
    """
    plain = sorted((module, name) for name, (module, part) in imports.items() if part is None)
    parts = sorted((module, part) for module, part in imports.values() if part is not None)
    lines = [(module, f"import {module}" + f" as {name}" * (name != module)) for module, name in plain]
    for module, names in groupby(parts, key=lambda part: part[0]):
        lines.append((module, f"from {module} import {', '.join(name for _, name in names)}"))
    ours = [line for module, line in lines if module.partition(".")[0] in sys.stdlib_module_names]
    others = [line for _, line in lines if line not in ours]
    return "\n\n".join("\n".join(part) for part in (ours, others) if part)


def prune(source: str, called: frozenset[str]) -> str:
    """Return a definition without checks, unused methods, and what docstrings say of errors and examples."""
    code = textwrap.dedent(source)
    lines = [_COMMENTS.sub("", line) for line in code.rstrip().splitlines()]
    removed: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in node.body:
                if _is_check(part) or (isinstance(node, ast.ClassDef) and _is_unused(part, called)):
                    removed.update(range(_first(part), _last(part)))
            if doc := ast.get_docstring(node):
                _shorten(lines, removed, node.body[0], doc)
        elif isinstance(node, ast.If | ast.For | ast.With):
            for part in node.body:
                if _is_check(part):
                    removed.update(range(_first(part), _last(part)))
    kept = [line for number, line in enumerate(lines) if number not in removed]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).rstrip()


def _first(node: ast.stmt) -> int:
    """Return the index of the first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(part.lineno for part in decorators)]) - 1


def _last(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno


def _is_unused(node: ast.stmt, called: frozenset[str]) -> bool:
    """Return whether a statement of a class defines a method that is not called."""
    if not isinstance(node, ast.FunctionDef):
        return False
    return not (node.name in called or node.name == "forward" or re.fullmatch("__[a-z]+__", node.name))


def _is_check(node: ast.stmt) -> bool:
    """Return whether a statement only checks an option."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).startswith(("check_", "_check_"))
    return (
        isinstance(node, ast.If)
        and not node.orelse
        and all(isinstance(part, ast.Raise) for part in node.body)
    )


def _shorten(lines: list[str], removed: set[int], node: ast.stmt, doc: str) -> None:
    """Remove the sections of a docstring that a script does not need."""
    kept = _SECTION.split(doc)[0].rstrip()
    if kept == doc:
        return
    first, last = node.lineno - 1, _last(node)
    indent = " " * node.col_offset
    text = f'"""{kept}"""' if "\n" not in kept else f'"""{kept}\n"""'
    lines[first] = textwrap.indent(text, indent)
    removed.update(range(first + 1, last))


def _imports(statements: list[ast.stmt]) -> Iterator[tuple[str, Import]]:
    """Yield the imported names of a module."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from ((part.asname or part.name, (part.name, None)) for part in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((part.asname or part.name, (str(node.module), part.name)) for part in node.names)


def _assigned(node: ast.stmt) -> set[str]:
    """Return the names that a statement assigns."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return set()
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _attributes(code: str) -> frozenset[str]:
    """Return the names of attributes that a piece of code uses."""
    return frozenset(node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute))
