"""TensorBoard's HParams page, read back with TensorBoard's own reader."""

import re

import pytest
from sklearn.datasets import load_wine
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.backend_context import Context
from tensorboard.plugins.hparams.list_session_groups import Handler

from lit_classify.cli.main import main
from tests.event_files import events
from tests.example_tables import bundled

# a single network, validated on rows of its own in every epoch
SINGLE = ["--data.folds", "0", "--model.members", "1", "--trainer.callbacks", "null"]
SHORT = ["fit", "--config", "circles_v2", "--trainer.max_epochs", "7", "--plots"]


def hparams(folder: str) -> tuple[list[str], list[dict[str, float]], list[dict[str, str]]]:
    """Return what the HParams page shows for a directory: metric tags; metrics and settings of each run."""
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0, "tensors": 0})
    multiplexer.AddRunsFromDirectory(folder).Reload()
    provider = MultiplexerDataProvider(multiplexer, folder)
    context, request_context = Context(TBContext(data_provider=provider)), RequestContext()
    content = context.hparams_metadata(request_context, "")
    experiment = context.experiment_from_metadata(request_context, "", True, content, [])
    tags = [info.name.tag for info in experiment.metric_infos]
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100)
    for tag in tags:
        request.col_params.add().metric.tag = tag
    for status in ("STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"):
        request.allowed_statuses.append(getattr(api_pb2, status))
    groups = Handler(request_context, context, "", request).run().session_groups
    values = [{value.name.tag: value.value for value in group.metric_values} for group in groups]
    typed = [{key: value.WhichOneof("kind") for key, value in group.hparams.items()} for group in groups]
    return tags, values, typed


def test_runs_of_all_tasks_have_the_same_keys_on_the_hparams_page() -> None:
    assert main([*SHORT, "basic", "--model.optimizer", "Adam", "--data.batch_size", "100"]) == 0
    for recipe in ("line", "blobs"):
        assert main(["fit", "--config", recipe, "--trainer.max_epochs", "2"]) == 0
    _, _, typed = hparams("lightning_logs")
    assert len(typed) == 3
    assert typed[0] == typed[1] == typed[2]
    assert {"optimizer", "lr", "hidden", "batch_size", "parameters", "task"} <= set(typed[0])


@pytest.mark.reliability(59)
@pytest.mark.parametrize(("recipe", "metric"), [("blobs", "accuracy"), ("line", "mae")])
def test_the_hparams_page_has_a_value_for_every_metric_that_it_declares(recipe: str, metric: str) -> None:
    assert main(["fit", "--config", recipe, "--trainer.max_epochs", "3"]) == 0
    tags, (values,), _ = hparams("lightning_logs")
    names = [f"best/{stage}_{name}" for stage in ("val", "train") for name in ("loss", metric)]
    assert tags == ["best/epoch", *names]
    assert set(values) == set(tags)


@pytest.mark.reliability(59)
def test_the_hparams_page_shows_the_metrics_of_the_best_epoch_and_of_the_test(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    fit = ["fit", "--config", "table", *wine, *SINGLE, "--trainer.max_epochs", "40"]
    assert main([*fit, "--model.lr", "0.3"]) == 0  # so large that the last epoch is not the best
    out = capsys.readouterr().out
    ((epoch, loss, tested, accuracy),) = re.findall(
        r"epoch (\d+) by val/loss, (\S+); on the test rows: loss (\S+), accuracy (\S+)", out
    )
    assert int(epoch) < 39
    tags, (values,), _ = hparams("lightning_logs")
    assert set(values) == set(tags)
    assert values["best/epoch"] == int(epoch)
    assert f"{values['best/val_loss']:.5f}" == loss
    assert (f"{values['test/loss']:.5f}", f"{values['test/accuracy']:.5f}") == (tested, accuracy)
    (line,) = (line for line in out.splitlines() if re.match(rf"Epoch: {epoch} +\|", line))
    shown = re.findall(r"(?:Loss|Val loss): (\S+), Acc: (\S+?)%", line)
    expected = [
        (f"{values[f'best/{stage}_loss']:.5f}", f"{values[f'best/{stage}_accuracy']:.2%}")
        for stage in ("train", "val")
    ]
    assert [(loss, f"{accuracy}%") for loss, accuracy in shown] == expected


@pytest.mark.reliability(59)
def test_a_resumed_run_shows_the_best_epoch_since_its_start() -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    fit = ["fit", "--config", "table", *wine, *SINGLE, "--model.lr", "0.3"]
    assert main([*fit, "--trainer.max_epochs", "20"]) == 0
    (before,) = hparams("lightning_logs")[1]
    assert main([*fit, "--trainer.max_epochs", "21", "--ckpt_path", "last"]) == 0
    (after,) = hparams("lightning_logs/table/version_1")[1]
    latest = events("table/version_1").Scalars("val/loss")[-1].value
    assert latest > before["best/val_loss"]  # so the best epoch is one before the interruption
    for tag in ("best/epoch", "best/val_loss", "best/val_accuracy"):
        assert after[tag] == before[tag]


@pytest.mark.reliability(59)
def test_without_validation_the_hparams_page_shows_the_last_epoch() -> None:
    assert (
        main([*SHORT, "basic", "--trainer.limit_val_batches", "0", "--trainer.enable_checkpointing", "false"])
        == 0
    )
    tags, (values,), _ = hparams("lightning_logs")
    assert tags == ["train/loss", "train/accuracy"]
    found = events("circles_v2/version_0").Scalars("train/loss")
    assert values["train/loss"] == found[-1].value


@pytest.mark.reliability(59)
@pytest.mark.parametrize("options", [[], ["--data.val_fraction", "0.2"]], ids=["folds", "validation rows"])
def test_the_hparams_page_shows_the_metrics_of_the_best_members(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "3", *options]) == 0
    out = capsys.readouterr().out
    tags, (values,), _ = hparams("lightning_logs")
    assert tags == ["best/epoch", "best/val_loss", "best/val_accuracy", "test/loss", "test/accuracy"]
    assert set(values) == set(tags)
    assert re.search(
        rf"Best: .*: loss {values['best/val_loss']:.5f}.*, accuracy {values['best/val_accuracy']:.5f}", out
    )
    assert f"loss {values['test/loss']:.5f}, accuracy {values['test/accuracy']:.5f}" in out
