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
    tags = [info.name.tag for info in context(folder)[1].metric_infos]
    session_groups = groups(folder)
    values = [{value.name.tag: value.value for value in group.metric_values} for group in session_groups]
    typed = [
        {key: value.WhichOneof("kind") for key, value in group.hparams.items()} for group in session_groups
    ]
    return tags, values, typed


def context(folder: str) -> tuple[Context, api_pb2.Experiment]:
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0, "tensors": 0})
    multiplexer.AddRunsFromDirectory(folder).Reload()
    hparams_context = Context(TBContext(data_provider=MultiplexerDataProvider(multiplexer, folder)))
    content = hparams_context.hparams_metadata(RequestContext(), "")
    return hparams_context, hparams_context.experiment_from_metadata(RequestContext(), "", True, content, [])


def groups(folder: str) -> list[api_pb2.SessionGroup]:
    """Return the rows of the page."""
    hparams_context, experiment = context(folder)
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100)
    for info in experiment.metric_infos:
        request.col_params.add().metric.tag = info.name.tag
    for status in ("STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"):
        request.allowed_statuses.append(getattr(api_pb2, status))
    return list(Handler(RequestContext(), hparams_context, "", request).run().session_groups)


def test_runs_of_all_tasks_have_the_same_keys_on_the_hparams_page() -> None:
    assert main([*SHORT, "basic", "--model.optimizer", "Adam", "--data.batch_size", "100"]) == 0
    for recipe in ("line", "blobs"):
        assert main(["fit", "--config", recipe, "--trainer.max_epochs", "2"]) == 0
    _, _, typed = hparams("lightning_logs")
    assert len(typed) == 3
    assert typed[0] == typed[1] == typed[2]
    assert {"optimizer", "lr", "hidden", "batch_size", "parameters", "task"} <= set(typed[0])


def test_the_settings_that_are_compared_most_come_first_on_the_hparams_page() -> None:
    assert main([*SHORT, "hparams"]) == 0
    assert main([*SHORT, "hparams", "--data.batch_size", "100"]) == 0
    names = [info.name for info in context("lightning_logs")[1].hparam_infos]
    assert names[:5] == ["activation", "batch_size", "hidden", "lr", "optimizer"]
    assert names[5:] == sorted(names[5:])
    sizes = {group.hparams["batch_size"].string_value for group in groups("lightning_logs")}
    assert sizes == {"full", "100"}


def test_runs_of_a_task_have_all_metrics_on_the_hparams_page() -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    short = ["--trainer.max_epochs", "2", "--plots", "hparams"]
    assert main(["fit", "--config", "table", *wine, *short]) == 0
    assert main(["fit", "--config", "table", *wine, *SINGLE, *short]) == 0
    assert main(["fit", "--config", "blobs", *short]) == 0  # course mode
    tags, values, _ = hparams("lightning_logs")
    assert len(tags) == 5
    assert [set(metrics) for metrics in values] == [set(tags)] * 3


@pytest.mark.reliability(59)
@pytest.mark.parametrize(("recipe", "metric"), [("blobs", "accuracy"), ("line", "mae")])
def test_the_hparams_page_has_a_value_for_every_metric_that_it_declares(recipe: str, metric: str) -> None:
    assert main(["fit", "--config", recipe, "--trainer.max_epochs", "3"]) == 0
    tags, (values,), _ = hparams("lightning_logs")
    names = [f"summary/{stage}_{name}" for stage in ("val", "test") for name in ("loss", metric)]
    assert tags == ["summary/epoch", *names]
    for name in ("loss", metric):  # in course mode
        assert values[f"summary/test_{name}"] == values[f"summary/val_{name}"]
    assert set(values) == set(tags)


@pytest.mark.reliability(59)
def test_the_hparams_page_shows_the_metrics_of_the_best_epoch_and_of_the_test(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    fit = ["fit", "--config", "table", *wine, *SINGLE, "--trainer.max_epochs", "40"]
    fit += ["--print_every_n_epochs", "1"]
    assert main([*fit, "--model.lr", "0.3"]) == 0  # so large that the last epoch is not the best
    out = capsys.readouterr().out
    ((epoch, loss, tested, accuracy),) = re.findall(
        r"epoch (\d+) by val/loss, (\S+);\s+on the test rows: loss (\S+), accuracy (\S+)", out
    )
    assert int(epoch) < 39
    tags, (values,), _ = hparams("lightning_logs")
    assert set(values) == set(tags)
    assert values["summary/epoch"] == int(epoch)
    assert f"{values['summary/val_loss']:.5f}" == loss
    assert (f"{values['summary/test_loss']:.5f}", f"{values['summary/test_accuracy']:.5f}") == (
        tested,
        accuracy,
    )
    (line,) = (line for line in out.splitlines() if re.match(rf"Epoch: {epoch} +\|", line))
    best = f"Val loss: {values['summary/val_loss']:.5f}, Acc: {values['summary/val_accuracy']:.2%}"
    assert line.endswith(best)


@pytest.mark.reliability(59)
def test_a_resumed_run_shows_the_best_epoch_since_its_start() -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    fit = ["fit", "--config", "table", *wine, *SINGLE, "--model.lr", "0.3"]
    assert main([*fit, "--trainer.max_epochs", "20"]) == 0
    (interrupted,) = hparams("lightning_logs")[1]
    assert main([*fit, "--trainer.max_epochs", "21", "--ckpt_path", "last"]) == 0
    (resumed,) = hparams("lightning_logs/table/version_1")[1]
    latest = events("table/version_1/val").Scalars("loss")[-1].value
    assert latest > interrupted["summary/val_loss"]  # so the best epoch is one before the interruption
    for tag in ("summary/epoch", "summary/val_loss", "summary/val_accuracy"):
        assert resumed[tag] == interrupted[tag]


@pytest.mark.reliability(59)
def test_without_validation_the_hparams_page_shows_the_last_epoch() -> None:
    assert (
        main([*SHORT, "basic", "--trainer.limit_val_batches", "0", "--trainer.enable_checkpointing", "false"])
        == 0
    )
    tags, (values,), _ = hparams("lightning_logs")
    assert tags == ["summary/train_loss", "summary/train_accuracy"]
    losses = events("circles_v2/version_0/train").Scalars("loss")
    assert values["summary/train_loss"] == losses[-1].value


@pytest.mark.reliability(59)
@pytest.mark.parametrize("options", [[], ["--data.val_fraction", "0.2"]], ids=["folds", "validation rows"])
def test_the_hparams_page_shows_the_metrics_of_the_best_members(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wine = ["--data.path", str(bundled(load_wine, "wine.csv")), "--data.target", "target"]
    assert main(["fit", "--config", "table", *wine, "--trainer.max_epochs", "3", *options]) == 0
    out = capsys.readouterr().out
    tags, (values,), _ = hparams("lightning_logs")
    names = [f"{stage}_{name}" for stage in ("val", "test") for name in ("loss", "accuracy")]
    assert tags == [f"summary/{name}" for name in ("epoch", *names)]
    assert set(values) == set(tags)
    loss, accuracy = values["summary/val_loss"], values["summary/val_accuracy"]
    assert re.search(rf"Best: .*:\s+loss {loss:.5f}.*, accuracy {accuracy:.5f}", out)
    assert f"loss {values['summary/test_loss']:.5f}, accuracy {values['summary/test_accuracy']:.5f}" in out
