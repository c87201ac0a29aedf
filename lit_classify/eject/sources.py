"""Definitions of this package, copied from its source without the lines that a script does not need.

Omitted are checks of options, branches that the run does not take, methods that are not called, and sections
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
_NEVER_CALLED = {"Preprocessor.fit"}  # another class has a method of this name, which is called
Import = tuple[str, str | None]  # a module, and the name that is imported from it


@dataclass
class Sources:
    """Definitions that a script needs, and their imports.

    Args:
        task: the module whose task is printed; branches that it does not take are removed.
        constants: assignments by name.
        definitions: functions and classes by name, each after those that it needs.
        imports: the origin of each imported name.

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
    _modules: dict[str, str] = field(default_factory=dict)  # the module of each constant and definition

    @classmethod
    def of(
        cls,
        objects: Iterable[Any],
        script: str,
        task: LitModule | None = None,
        constants: Mapping[str, ModuleType] | None = None,
    ) -> "Sources":
        """Return the definitions of functions and classes, and of all that they use.

        Args:
            objects: the functions and classes.
            script: the code that calls them.
            task: the module whose task is printed as a class, if any.
            constants: constants that the script uses, and modules that have them.
        """
        called = _attributes(script)
        while True:
            sources = cls(task)
            for definition in objects:
                sources._add(definition, called)
            if task is not None:
                sources._add_task(task, called)
            for name, module in (constants or {}).items():
                sources._add_names(name, module, called)
            needed = called.union(*map(_attributes, sources.definitions.values()))
            if needed == called:
                return sources
            called = needed  # methods may call further ones

    @property
    def code(self) -> str:
        """The definitions as code."""
        if not self.definitions and not self.constants:
            return ""
        constants = "\n".join(["# Definitions of lit_classify", *dict.fromkeys(self.constants.values())])
        return "\n\n\n".join([constants, *self.definitions.values()])

    def _add(self, definition: Any, called: frozenset[str]) -> None:  # noqa: ANN401 - a function or class
        name = definition.__name__
        self._check_module(name, definition.__module__)
        if name not in self.definitions and name not in self.imports:
            code = prune(inspect.getsource(definition), called, {"task": self.task} if self.task else {})
            code = code.replace(LitModule.__name__, type(self.task).__name__)
            self._add_names(code, sys.modules[definition.__module__], called)
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
        blocks = [f'"""{summary}."""', *(["\n".join(settings)] if settings else []), *methods.values()]
        body = textwrap.indent("\n\n".join(blocks), "    ")
        self.definitions[type(task).__name__] = f"class {type(task).__name__}:\n{body}"

    def _add_names(self, code: str, module: ModuleType, called: frozenset[str]) -> None:
        """Add all that a piece of code of a module uses."""
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

    def _add_constant(self, name: str, module: ModuleType, called: frozenset[str]) -> None:
        self._check_module(name, module.__name__)
        if name in self.constants:
            return
        code = _assignments(module)[name]
        self._add_names(code, module, called)
        self.constants[name] = code

    def _check_module(self, name: str, module: str) -> None:
        """A script has one namespace, in which a name cannot have the values of two modules."""
        assert self._modules.setdefault(name, module) == module, f"{name} is defined in two modules"


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
    modules = sorted((module, alias) for alias, (module, name) in imports.items() if name is None)
    lines = [(module, f"import {module}" + f" as {alias}" * (alias != module)) for module, alias in modules]
    names = sorted((module, name, alias) for alias, (module, name) in imports.items() if name is not None)
    for module, group in groupby(names, key=lambda entry: entry[0]):
        listed = [name + f" as {alias}" * (alias != name) for _, name, alias in group]
        lines.append((module, f"from {module} import {', '.join(listed)}"))
    standard = [line for module, line in lines if module.partition(".")[0] in sys.stdlib_module_names]
    others = [line for _, line in lines if line not in standard]
    return "\n\n".join("\n".join(block) for block in (standard, others) if block)


def prune(source: str, called: frozenset[str], objects: Mapping[str, object]) -> str:
    """Return a definition without the lines that a script does not need.

    Args:
        source: the definition.
        called: the names of attributes that are used; other methods are left out.
        objects: objects by name, whose attributes decide which branches are taken.
    """
    code = textwrap.dedent(source)
    lines = [_COMMENTS.sub("", line) for line in code.rstrip().splitlines()]
    removed: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for statement in node.body:
                is_unused = isinstance(node, ast.ClassDef) and _is_unused(node.name, statement, called)
                if is_unused or _is_check(statement) or _is_skipped(statement, objects):
                    removed.update(range(_first_line(statement), _end_line(statement)))
            if doc := ast.get_docstring(node):
                _shorten(lines, removed, node.body[0], doc)
        elif isinstance(node, ast.If | ast.For | ast.With):
            for statement in node.body:
                if _is_check(statement) or _is_skipped(statement, objects):
                    removed.update(range(_first_line(statement), _end_line(statement)))
    lines = [line for index, line in enumerate(lines) if index not in removed]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()


def _first_line(node: ast.stmt) -> int:
    """Return the index of the first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1


def _end_line(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno


def _is_unused(name: str, node: ast.stmt, called: frozenset[str]) -> bool:
    """Return whether a statement of the class called ``name`` defines a method that is not called."""
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
    return all(isinstance(statement, ast.Raise) or _is_check(statement) for statement in node.body)


def _is_skipped(node: ast.stmt, objects: Mapping[str, object]) -> bool:
    """Return whether a statement is a branch that is not taken."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    names = {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)}
    if not names or not names <= objects.keys():
        return False
    return not eval(ast.unparse(node.test), dict(objects))


def _shorten(lines: list[str], removed: set[int], node: ast.stmt, doc: str) -> None:
    """Remove the sections of a docstring that a script does not need."""
    shortened = _SECTION.split(doc)[0].rstrip()
    if shortened == doc:
        return
    start, end = node.lineno - 1, _end_line(node)
    indent = " " * node.col_offset
    text = f'"""{shortened}"""' if "\n" not in shortened else f'"""{shortened}\n"""'
    lines[start] = textwrap.indent(text, indent)
    removed.update(range(start + 1, end))


@functools.cache
def _imports(module: ModuleType) -> dict[str, Import]:
    """Return the imported names of a module."""
    imports: dict[str, Import] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import):
            imports |= {alias.asname or alias.name: (alias.name, None) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imports |= {alias.asname or alias.name: (str(node.module), alias.name) for alias in node.names}
    return imports


@functools.cache
def _assignments(module: ModuleType) -> dict[str, str]:
    """Return the code of the assignments of a module by the names that they assign."""
    source = inspect.getsource(module)
    assignments: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            code = re.sub("  # .*", "", ast.get_source_segment(source, node) or "")
            names = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
            assignments |= {name.id: code for name in names if isinstance(name.ctx, ast.Store)}
    return assignments


def _attributes(code: str) -> frozenset[str]:
    """Return the names of attributes that a piece of code uses."""
    return frozenset(node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute))
