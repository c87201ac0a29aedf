"""Plots of a model's predictions over its features."""

import torch
from sklearn.datasets import load_wine

from lit_classify import BinaryClassifier, CirclesDataModule, MulticlassClassifier, TableDataModule
from lit_classify.model_plots.boundary import make_boundary_plot
from lit_classify.networks import evaluating
from tests.example_tables import bundled, write


def test_the_title_has_run_epoch_and_loss_and_the_caption_describes_the_slice() -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{n % 3},{n % 11},{'ab'[n % 2]}" for n in range(60))
    write(f"u,v,w,z,kind\n{rows}")
    table = TableDataModule("t.csv", "kind")
    for data, caption in ((CirclesDataModule(), ""), (table, "2 other features at the training median")):
        data.setup("fit")
        model = BinaryClassifier(data.in_features, class_names=data.class_names)
        with evaluating(model):
            plot = make_boundary_plot(model, data, "val", "runs/version_7")
            assert plot is not None
            figure = plot.figure(plot.snapshot(model, 1234))
            x, y = data.split("val")
            loss = float(model.loss(model(x), y))
        name = "test" if data.validates_on_test else "validation"
        assert figure.get_suptitle() == f"runs/version_7, epoch 1,234: {name} loss {loss:.4f}"
        assert caption in (text := figure.legends[0].get_title().get_text())
        assert bool(caption) == bool(text)


def test_a_single_panel_shows_the_validation_rows_in_the_same_plane() -> None:
    data = TableDataModule(str(bundled(load_wine, "wine.csv")), "target", val_fraction=0.2)
    data.setup("fit")
    model = MulticlassClassifier(data.in_features, data.out_features, class_names=data.class_names)
    with evaluating(model):
        plots = [make_boundary_plot(model, data, "val", "", single_panel=single) for single in (True, False)]
        single, double = (plot.figure(plot.snapshot(model, 3)) for plot in plots if plot is not None)
    assert [len(figure.axes) for figure in (single, double)] == [1, 2]
    assert single.axes[0].get_title() == double.axes[1].get_title()
    assert single.axes[0].get_xlim() == double.axes[1].get_xlim()
    caption = single.legends[0].get_title().get_window_extent()
    assert 0 <= caption.x0 < caption.x1 <= single.bbox.width


def test_test_rows_are_plotted_only_after_training() -> None:
    data = CirclesDataModule(val_fraction=0.2)
    model = BinaryClassifier(2)
    plots = {split: make_boundary_plot(model, data, split, "") for split in ("val", "test")}
    splits = {split: plot.splits for split, plot in plots.items() if plot is not None}
    assert list(splits["val"]) == ["Train", "Validation"]
    assert list(splits["test"]) == ["Train", "Test"]
    for split in ("val", "test"):
        assert torch.equal(list(splits[split].values())[1][0], data.split(split).x)
