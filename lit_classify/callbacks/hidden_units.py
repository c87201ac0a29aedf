"""Activation maps of the hidden units, logged during training."""

from lightning.pytorch import Trainer

from lit_classify.callbacks.plot_callback import PlotCallback, log_figure
from lit_classify.data import InMemoryDataModule
from lit_classify.model_plots.hidden_units import grid_activations, has_hidden_unit_plot
from lit_classify.modules import LitModule


class HiddenUnits(PlotCallback):
    """Plot the activations of each hidden unit over the plane of the two features.

    Of a layer with more than 16 units, the 16 most active ones are plotted. Networks other than ``MLP``, and
    data with more or fewer features, are not plotted.

    Args:
        only_at_end: plot after the last epoch only.

    Examples:
        >>> [epoch for epoch in range(20) if HiddenUnits(only_at_end=False).is_due(epoch)]
        [0, 1, 2, 4, 8, 16]
    """

    def __init__(self, only_at_end: bool = True) -> None:
        super().__init__(only_at_end)

    def draw(self, trainer: Trainer, model: LitModule, data: InMemoryDataModule, epoch: int) -> None:
        """Log the units of each layer as ``plots/hidden_units_1`` and so on, which fit on a card."""
        if not has_hidden_unit_plot(model, data):
            return
        from lit_classify.plots.hidden_units import hidden_layer_maps

        (_, *hidden, _), _ = grid_activations(model, data)
        scale = max((float(activation.abs().max()) for activation in hidden), default=0.0)
        for layer, activation in enumerate(hidden, 1):
            figure = hidden_layer_maps(activation, layer, scale, f"epoch {epoch:,}")
            log_figure(trainer, f"plots/hidden_units_{layer}", figure)
