"""What every hidden unit sees, for networks on two inputs.

Legend: U units, G points of a grid.
"""

from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from lit_classify.callbacks.plot import PlotCallback, log
from lit_classify.data import InMemoryDataModule
from lit_classify.modules import LitModule
from lit_classify.networks import MLP

_SIDE = 40


class HiddenUnits(PlotCallback):
    """Draw a map of each unit's answers over the plane, layer by layer; of wide layers the 16 most active.

    Args:
        only_at_end: draw after the last epoch alone.
    """

    def __init__(self, only_at_end: bool = True) -> None:
        super().__init__(only_at_end)

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Draw the sheet, if the network has two inputs."""
        if fits(model, data):
            log(trainer, "neurons", draw_sheet(model, data, f"epoch {epoch:,}"))


def fits(model: LitModule, data: InMemoryDataModule) -> bool:
    """Whether the network is one whose units can be drawn."""
    return isinstance(model.network, MLP) and data.in_features == 2 and len(data.numeric_features) == 2


def draw_sheet(model: LitModule, data: InMemoryDataModule, title: str) -> Any:  # noqa: ANN401 - a Figure
    """Draw the sheet of a model on two inputs."""
    from lit_classify.plots.hidden_units import MOST_UNITS, neurons

    assert isinstance(model.network, MLP)
    x = data.split("train").x.cpu()
    low, high = x.amin(dim=0), x.amax(dim=0)
    second, first = torch.meshgrid(
        torch.linspace(float(low[1]), float(high[1]), _SIDE),
        torch.linspace(float(low[0]), float(high[0]), _SIDE),
        indexing="ij",
    )
    points = torch.stack([first.flatten(), second.flatten()], dim=1)
    answers, weights = trace(model.network, points.to(model.device))
    centred = [points - points.mean(dim=0), *answers[1:]]
    units = [_most_active(answer, MOST_UNITS) for answer in centred]
    shown = [answer[:, chosen].cpu() for answer, chosen in zip(centred, units, strict=True)]
    between = [
        weight[after][:, before].cpu()
        for weight, before, after in zip(weights, units, units[1:], strict=False)
    ]
    names = [feature.name for feature in data.numeric_features]
    return neurons(shown, between, units, names, _outputs(model, answers[-1].shape[1]), title)


def _outputs(model: LitModule, number: int) -> list[str]:
    """Name the outputs: the single one of two classes speaks for the second."""
    names = model.class_names or model.label_names or ["prediction"]
    return names[1:] if len(names) == number + 1 else names


def trace(network: MLP, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return what each layer answers, the input first, ``(G, U)`` each, and the weights between them."""
    answers, weights = [x], []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            answers.append(x)
            weights.append(layer.weight.detach())
        else:
            answers[-1] = x  # the layer's answer after its activation
    return answers, weights


def _most_active(answer: Tensor, most: int) -> list[int]:
    if answer.shape[1] <= most:
        return list(range(answer.shape[1]))
    return sorted(answer.abs().mean(dim=0).topk(most).indices.tolist())
