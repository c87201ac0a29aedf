"""Checkpoints with altered content."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

QUICK = ["--plots", "none", "--trainer.max_epochs"]


TABLE = ["--config", str(Path(__file__).with_name("single_network.yaml"))]


def table() -> list[str]:
    rows = [f"{n % 7},{'ab'[n % 2]},{'yes' if n % 3 else 'no'}" for n in range(60)]
    Path("t.csv").write_text("\n".join(["x,c,last", *rows]))
    return TABLE


def value_at(content: Any, path: str) -> Any:
    """Return the value at a path inside a checkpoint; a slash stands for a full stop in a name."""
    for name in path.split("."):
        name = name.replace("/", ".") if "epoch_loop" in name else name
        content = content[int(name) if name.isdecimal() else name]
    return content


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a function that sets the value at a path inside a checkpoint."""

    def alter(content: dict[str, Any]) -> None:
        if path.startswith("state_dict."):
            parent, name = content["state_dict"], path.removeprefix("state_dict.")
        else:
            parent_path, _, name = path.rpartition(".")
            parent = value_at(content, parent_path) if parent_path else content
            name = name.replace("/", ".") if "epoch_loop" in name else name
        parent[int(name) if name.isdecimal() else name] = value

    return alter


ARGS = "lit_classify.model.init_args"


DATA = "lit_classify.data.init_args"


COMMANDS = (
    ["test", "--ckpt_path"],
    ["predict", "--ckpt_path"],
    ["validate", "--ckpt_path"],
    ["plot"],
    ["importance"],
    ["export"],
)


def altered_table(original_table: Path) -> dict[str, Any]:
    """Write the table, and return the content of the last checkpoint of a run on it."""
    table()
    path = original_table / "lightning_logs/table/version_0/checkpoints/last.ckpt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


RESUME = ["fit", *TABLE, *QUICK, "2", "--ckpt_path"]


STATE = "optimizer_states.0.state.0"
