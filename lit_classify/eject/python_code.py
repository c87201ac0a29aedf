"""Values, calls and layers as Python code, formatted as by ruff."""

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from lit_classify.errors import UserError
from lit_classify.losses import LOSSES, RowLoss
from lit_classify.networks import ACTIVATIONS, DerivedInputs
from lit_classify.networks.members import MemberLinear

WIDTH = 88  # of lines, as of ruff by default
SOURCE_WIDTH = 110  # of lines of this package, which a script may contain


def literal(value: Any) -> str:  # noqa: ANN401 - plain data
    r"""Return plain data as code; text cannot end its quotes.

    Raises:
        UserError: the value is of another type.

    Examples:
        >>> print(literal({"a": [1, None, 'it"s']}))
        {"a": [1, None, 'it"s']}
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if value is None or type(value) in {bool, int, float}:
        return repr(value)
    raise UserError(f"a script cannot contain {value!r}, which is a {type(value).__name__}")


def _quoted(text: str) -> str:
    """Return text in double quotes, or in single ones if it then has fewer backslashes."""
    if text.count('"') > text.count("'"):
        return repr(text)
    return '"' + repr(f"{text}'\"")[1:-4].replace("\\'", "'").replace('"', '\\"') + '"'


def call(head: str, arguments: Sequence[str], tail: str = ")", width: int = WIDTH) -> str:
    """Return a call, or another bracket, in as few lines as fit.

    Args:
        head: the code before the arguments, with the opening bracket.
        arguments: the arguments.
        tail: the code after the arguments, with the closing bracket.
        width: longest line.

    Examples:
        >>> print(call("x = f(", ["1", "2"]))
        x = f(1, 2)
        >>> print(call("some_name = some_function(", ["first_argument=1", "second_argument=2"] * 2))
        some_name = some_function(
            first_argument=1, second_argument=2, first_argument=1, second_argument=2
        )
    """
    joined = ", ".join(arguments)
    if "\n" not in joined:
        if len(head) + len(joined) + len(tail) <= width:
            return head + joined + tail
        if len(joined) + 4 <= width:
            return f"{head}\n    {joined}\n{tail}"
    return lines(head, arguments, tail)


def lines(head: str, arguments: Sequence[str], tail: str = ")") -> str:
    """Return a call with one argument per line."""
    return "\n".join([head, *(textwrap.indent(f"{argument},", "    ") for argument in arguments), tail])


def keywords(arguments: Mapping[str, Any]) -> list[str]:
    """Return keyword arguments.

    Raises:
        UserError: a name is not an identifier.
    """
    for name in arguments:
        if not name.isidentifier():
            raise UserError(f"a script cannot contain the argument {name!r}")
    return [f"{name}={literal(value)}" for name, value in arguments.items()]


def loss_code(chosen: RowLoss, arguments: Mapping[str, Any]) -> str:
    """Return the call that builds a loss of torch that is not the task's own.

    Args:
        chosen: the loss.
        arguments: the arguments of its class.

    Raises:
        UserError: the loss is not one of torch.

    Examples:
        >>> from lit_classify import Regressor
        >>> print(loss_code(Regressor(1, loss="Huber", loss_args={"delta": 2.0}).row_loss, {"delta": 2.0}))
        RowLoss(nn.HuberLoss(delta=2.0, reduction="none"), nn.HuberLoss(delta=2.0))
    """
    name = type(chosen.mean).__name__
    if LOSSES.get(name) is not type(chosen.mean):
        raise UserError(f"a script cannot contain the loss {chosen.per_row}, which is not one of torch")
    per_row = call(f"nn.{name}(", keywords({**arguments, "reduction": "none"}))
    mean = call(f"nn.{name}(", keywords(arguments))
    return call("RowLoss(", [per_row, mean, *(["signed=True"] if chosen.signed else [])], width=WIDTH)


def layers_code(network: nn.Module) -> str:
    """Return the code of a network of torch's layers; for several members, of each of them.

    Raises:
        UserError: a layer is not known.

    Examples:
        >>> from lit_classify import MLP
        >>> print(layers_code(MLP(2, 1, hidden=[8])))
        nn.Sequential(
            nn.Linear(in_features=2, out_features=8),
            nn.ReLU(),
            nn.Linear(in_features=8, out_features=1),
        )
    """
    if isinstance(network, nn.Sequential):
        return lines("nn.Sequential(", [layers_code(layer) for layer in network])
    if type(network) is nn.Linear and network.bias is not None:
        sizes = {"in_features": network.in_features, "out_features": network.out_features}
        return call("nn.Linear(", keywords(sizes))
    if type(network) is DerivedInputs:
        return f"DerivedInputs({literal(network.inputs)})"
    if type(network) is nn.Dropout and not network.inplace:
        return f"nn.Dropout(p={network.p})"
    if type(network) is MemberLinear:
        _, out_features, in_features = network.weight.shape
        return call("nn.Linear(", keywords({"in_features": in_features, "out_features": out_features}))
    name = type(network).__name__
    if type(network) is ACTIVATIONS.get(name) and repr(network) == repr(ACTIVATIONS[name]()):
        return f"nn.{name}()"
    raise UserError(f"eject does not know the layer {network}; use --model.hidden and --model.activation")


def body_code(method: Any, owner: object, result: str, width: int = WIDTH) -> str:  # noqa: ANN401 - a method
    """Return the statements of a method of plain attributes, with their values.

    Args:
        method: the method, which has no other parameter and ends with ``return``.
        owner: the object whose attributes replace those of ``self``.
        result: name or names that the return value is assigned to.
        width: longest line.

    Raises:
        UserError: an attribute is not plain data.

    Examples:
        >>> from lit_classify import MoonsDataModule
        >>> data = MoonsDataModule()
        >>> print(body_code(data.generate, data, "X, y"))
        X, y = make_moons(1000, noise=0.07, random_state=42)
    """
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    assert isinstance(function, ast.FunctionDef)
    # the first statement is the docstring
    statements = [_Values(owner).visit(statement) for statement in function.body[1:]]
    *earlier, last = [statement for statement in statements if not isinstance(statement, ast.ImportFrom)]
    assert isinstance(last, ast.Return)
    assert last.value is not None
    returned = ast.unparse(last.value)
    if earlier and isinstance(earlier[-1], ast.Assign | ast.AnnAssign):
        *preceding, assigned = earlier
        target = assigned.target if isinstance(assigned, ast.AnnAssign) else assigned.targets[0]
        if ast.unparse(target) == returned:
            return "\n".join([*map(ast.unparse, preceding), _assign(result, assigned.value, width)])
    values = last.value.elts if isinstance(last.value, ast.Tuple) else []
    pairs = zip(result.split(", "), values, strict=True)
    assignments = [_assign(name, value, width) for name, value in pairs if name != ast.unparse(value)]
    return "\n".join([*map(ast.unparse, earlier), *assignments])


def attributes(code: str) -> set[str]:
    """Return the attributes of ``self`` that a piece of code uses.

    Examples:
        >>> sorted(attributes("self.x + self.y"))
        ['x', 'y']
    """
    nodes = ast.walk(ast.parse(code))
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def _assign(names: str, value: ast.expr | None, width: int) -> str:
    """Return an assignment."""
    if isinstance(value, ast.Call):
        arguments = [*value.args, *value.keywords]
        return call(f"{names} = {ast.unparse(value.func)}(", list(map(ast.unparse, arguments)), width=width)
    assert value is not None
    return f"{names} = {ast.unparse(value)}"


class _Values(ast.NodeTransformer):
    """Replaces attributes of ``self`` by their values."""

    def __init__(self, owner: object) -> None:
        self._owner = owner

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return the value of an attribute of ``self``."""
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.parse(literal(getattr(self._owner, node.attr)), mode="eval").body
        return self.generic_visit(node)
