"""Definitions of this package as they stand in its source, without what a script does not need.

Left out are checks of options, branches that the run does not take, methods that are not called, and sections
of docstrings about errors and examples.
"""

import ast
import builtins
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from types import ModuleType
from typing import Any

import torch

from lit_classify.eject.python_code import attributes, literal, loss_code
from lit_classify.losses import RowLoss
from lit_classify.modules import LitModule

PACKAGE = "lit_classify"
_COMMENTS = re.compile(r"  # (?:type: ignore|noqa).*")
_SECTION = re.compile(r"^(?:Raises|Examples):", re.MULTILINE)
_TASK = ("loss", "row_weights", "loss_weight", "probabilities", "labels", "mean_logits", "metric_sum")
_NEVER_CALLED = {"Preprocessor.fit"}  # but another class has a method of this name that is
Import = tuple[str, str | None]  # a module, and the name that is imported from it


@dataclass
class Sources:
    """Definitions that a script needs, and what they import.

    Args:
        task: the module whose task is printed; what it decides is known.
        constants: assignments by name.
        definitions: functions and classes by name, each after those that it needs.
        imports: what each imported name is.

    Examples:
        >>> from lit_classify.seeds import stream_seed
        >>> sources = Sources.of([stream_seed], "")
        >>> list(sources.constants), list(sources.definitions)
        (['_BITS', '_MASK'], ['_keys', 'stream_seed'])
    """

    task: LitModule | None = None
    constants: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    _homes: dict[str, str] = field(default_factory=dict)  # the module of each constant and definition

    @classmethod
    def of(
        cls,
        objects: Iterable[Any],
        script: str,
        task: LitModule | None = None,
        constants: Mapping[str, ModuleType] | None = None,
    ) -> "Sources":
        """Return the definitions of functions and classes, and of what they need.

        Args:
            objects: the functions and classes.
            script: the code that calls them.
            task: the module whose task is printed as a class, if any.
            constants: constants that the script uses, and modules that have them.
        """
        called = _attributes(script)
        while True:
            found = cls(task)
            for part in objects:
                found._add(part, called)
            if task is not None:
                found._add_task(task, called)
            for name, home in (constants or {}).items():
                found._add_names(name, home, called)
            needed = called.union(*map(_attributes, found.definitions.values()))
            if needed == called:
                return found
            called = needed  # methods may call further ones

    @property
    def code(self) -> str:
        """The definitions as code."""
        if not self.definitions and not self.constants:
            return ""
        constants = "\n".join(["# Definitions of lit_classify", *dict.fromkeys(self.constants.values())])
        return "\n\n\n".join([constants, *self.definitions.values()])

    def _add(self, part: Any, called: frozenset[str]) -> None:  # noqa: ANN401 - a function or class
        name = part.__name__
        self._check_home(name, part.__module__)
        if name not in self.definitions and name not in self.imports:
            code = prune(inspect.getsource(part), called, {"task": self.task} if self.task else {})
            code = code.replace(LitModule.__name__, type(self.task).__name__)
            self._add_names(code, sys.modules[part.__module__], called)
            self.definitions[name] = code

    def _add_task(self, task: LitModule, called: frozenset[str]) -> None:
        """Add a class with the methods that define a task, and with the attributes that they use."""
        methods: dict[str, str] = {}
        for name in _TASK:
            if name in called:
                owner = next(base for base in type(task).__mro__ if name in vars(base))
                methods[name] = prune(inspect.getsource(vars(owner)[name]), called, {"self": task})
                self._add_names(methods[name], sys.modules[owner.__module__], called)
        used = set().union(*map(attributes, methods.values())).difference(_TASK)
        summary = (type(task).__doc__ or "").splitlines()[0].partition(" (course")[0].rstrip(".")
        if "row_loss" in used:
            self._add(RowLoss, called)
        settings = [f"{name} = {_value(task, name)}" for name in sorted(used)]
        parts = [f'"""{summary}."""', *(["\n".join(settings)] if settings else []), *methods.values()]
        body = textwrap.indent("\n\n".join(parts), "    ")
        self.definitions[type(task).__name__] = f"class {type(task).__name__}:\n{body}"

    def _add_names(self, code: str, module: ModuleType, called: frozenset[str]) -> None:
        """Add what a piece of code of a module needs."""
        imported = _imports(module)
        for name in sorted(free_names(code)):
            origin, original = imported.get(name, (module.__name__, name))
            if origin.partition(".")[0] != PACKAGE:
                self.imports[name] = origin, original
                continue
            value = inspect.unwrap(getattr(module, name))
            if inspect.isclass(value) or inspect.isfunction(value):
                self._add(value, called)
            else:
                self._add_constant(name, sys.modules[origin], called)

    def _add_constant(self, name: str, home: ModuleType, called: frozenset[str]) -> None:
        self._check_home(name, home.__name__)
        if name in self.constants:
            return
        text = _assignments(home)[name]
        self._add_names(text, home, called)
        self.constants[name] = text

    def _check_home(self, name: str, module: str) -> None:
        """A script has one namespace, in which a name cannot have the values of two modules."""
        assert self._homes.setdefault(name, module) == module, f"{name} is defined in two modules"


def _value(task: LitModule, name: str) -> str:
    """Return an attribute of a task as code."""
    value = getattr(task, name)
    if isinstance(value, RowLoss):
        return loss_code(value, task.hparams["loss_args"] or {})
    if isinstance(value, torch.Tensor):
        return f"torch.tensor({value.tolist()}, device=device)"
    return literal(value)


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
    lines = [(module, f"import {module}" + f" as {name}" * (name != module)) for module, name in plain]
    parts = sorted((module, part, name) for name, (module, part) in imports.items() if part is not None)
    for module, group in groupby(parts, key=lambda part: part[0]):
        names = [part + f" as {name}" * (name != part) for _, part, name in group]
        lines.append((module, f"from {module} import {', '.join(names)}"))
    ours = [line for module, line in lines if module.partition(".")[0] in sys.stdlib_module_names]
    others = [line for _, line in lines if line not in ours]
    return "\n\n".join("\n".join(part) for part in (ours, others) if part)


def prune(source: str, called: frozenset[str], known: Mapping[str, object]) -> str:
    """Return a definition without what a script does not need.

    Args:
        source: the definition.
        called: the names of attributes that are used; other methods are left out.
        known: objects by name, whose attributes decide which branches are taken.
    """
    code = textwrap.dedent(source)
    lines = [_COMMENTS.sub("", line) for line in code.rstrip().splitlines()]
    removed: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in node.body:
                is_unused = isinstance(node, ast.ClassDef) and _is_unused(node.name, part, called)
                if is_unused or _is_check(part) or _is_skipped(part, known):
                    removed.update(range(_first(part), _last(part)))
            if doc := ast.get_docstring(node):
                _shorten(lines, removed, node.body[0], doc)
        elif isinstance(node, ast.If | ast.For | ast.With):
            for part in node.body:
                if _is_check(part) or _is_skipped(part, known):
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


def _is_unused(name: str, node: ast.stmt, called: frozenset[str]) -> bool:
    """Return whether a statement of a class of a name defines a method that is not called."""
    if not isinstance(node, ast.FunctionDef):
        return False
    if f"{name}.{node.name}" in _NEVER_CALLED:
        return True
    return not (node.name in called or node.name == "forward" or re.fullmatch("__[a-z]+__", node.name))


def _is_check(node: ast.stmt) -> bool:
    """Return whether a statement only checks an option."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return ast.unparse(node.value.func).startswith(("check_", "_check_"))
    if not isinstance(node, ast.If) or node.orelse:
        return False
    return all(isinstance(part, ast.Raise) or _is_check(part) for part in node.body)


def _is_skipped(node: ast.stmt, known: Mapping[str, object]) -> bool:
    """Return whether a statement is a branch that is not taken."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
    if not names or not names <= known.keys():
        return False
    return not eval(ast.unparse(node.test), dict(known))


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


@functools.cache
def _imports(module: ModuleType) -> dict[str, Import]:
    """Return the imported names of a module."""
    found: dict[str, Import] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import):
            found |= {part.asname or part.name: (part.name, None) for part in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {part.asname or part.name: (str(node.module), part.name) for part in node.names}
    return found


@functools.cache
def _assignments(module: ModuleType) -> dict[str, str]:
    """Return the code of the assignments of a module by the names that they assign."""
    source = inspect.getsource(module)
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            code = re.sub("  # .*", "", ast.get_source_segment(source, node) or "")
            names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            found |= {part.id: code for part in names if isinstance(part.ctx, ast.Store)}
    return found


def _attributes(code: str) -> frozenset[str]:
    """Return the names of attributes that a piece of code uses."""
    return frozenset(node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute))
