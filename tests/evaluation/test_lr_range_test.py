"""The learning-rate range test: a plain loop is the oracle, and the training after it is undisturbed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    MoonsDataModule,
    MulticlassClassifier,
)
from lit_classify.checkpoints import Checkpoint
from lit_classify.cli.main import main
from lit_classify.errors import UserError
from lit_classify.evaluation.lr_range_test import RangeTest, range_test
from tests.event_files import events
from tests.training import trainer

SHORT = ["--trainer.max_epochs", "3", "--trainer.enable_progress_bar", "false"]


def test_losses_are_those_of_a_plain_loop_with_growing_rates() -> None:
    torch.manual_seed(0)
    model, data = BinaryClassifier(2, hidden=[8]), MoonsDataModule()
    network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    network.load_state_dict(model.network.state_dict())
    test = range_test(model, data, trainer(accumulate_grad_batches=2), 0.01, 1.0, num_steps=5)

    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    x, y = data.split("train")
    rates, losses = torch.logspace(-2, 0, 5).tolist(), list[float]()
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(x).squeeze(1), y.float())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(0.9 * losses[-1] + 0.1 * float(loss.detach()) if losses else float(loss.detach()))
    assert test.rates == pytest.approx(rates)
    assert test.losses == pytest.approx(losses)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "Adam", "dropout": 0.5},
        {"members": 3, "class_weight": "balanced"},
    ],
)
def test_the_model_and_the_random_states_are_unchanged(settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model, data = BinaryClassifier(2, hidden=[8], **settings), MoonsDataModule(batch_size=100)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    random = torch.get_rng_state()
    range_test(model, data, trainer(gradient_clip_val=1.0))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss_with_two_digits() -> None:
    assert RangeTest([0.01, 0.1234, 1.0], [0.7, 0.5, 0.6]).suggestion == 0.012


def test_a_diverging_loss_ends_the_test() -> None:
    torch.manual_seed(0)
    test = range_test(MulticlassClassifier(2, 4, activation=None), BlobsDataModule(), trainer(), max_lr=1e4)
    assert len(test.rates) < 100
    assert test.losses[-1] <= 4 * min(test.losses)


class Logging(BinaryClassifier):
    """A module that logs in its training step, which only a fit can."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.log("loss", 0.0)
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, optimizer="LBFGS"), "for LBFGS, which searches along a line"),
        (
            lambda: BinaryClassifier(
                2, lr_scheduler="OneCycleLR", lr_scheduler_args={"max_lr": 1.0, "total_steps": 10}
            ),
            "for OneCycleLR, which sets the rates of its own max_lr",
        ),
        (lambda: Logging(2), "Logging cannot be trained outside a fit: You are trying to `self.log"),
    ],
)
def test_models_that_a_range_test_cannot_help_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"no learning rate can be found.*{message}"):
        range_test(build(), MoonsDataModule(), trainer())


def test_a_loss_that_never_falls_is_refused() -> None:
    model = BinaryClassifier(2)
    with pytest.raises(UserError, match=r"the loss does not fall in \d+ steps; give --model\.lr instead"):
        range_test(model, CirclesDataModule(), trainer(), min_lr=1e8, max_lr=1e9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        ["--config", "moons"],
        ["--config", "spirals", "--data.batch_size", "64", "--model.dropout", "0.2"],
    ],
)
def test_a_fit_with_the_found_rate_equals_one_with_that_rate_given(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *config, *SHORT, "--find_lr", "--plots", "none"]) == 0
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("Learning rate"))
    rate = line.split()[2].rstrip(":")
    assert main(["fit", *config, *SHORT, "--model.lr", rate, "--plots", "none"]) == 0
    runs = sorted(Path("lightning_logs").glob("*/version_*"))
    searched, configured = (Checkpoint.read(run / "checkpoints/last.ckpt") for run in runs)
    assert searched.model == configured.model
    assert searched.weights.keys() == configured.weights.keys()
    assert all(torch.equal(weight, configured.weights[name]) for name, weight in searched.weights.items())
    assert (runs[0] / "learning_rate.png").is_file()
    assert "learning_rate" in events(str(runs[0].relative_to("lightning_logs"))).Tags()["images"]

    resume = ["--trainer.max_epochs", "5", "--plots", "none"]
    configuration = ["--config", str(runs[0] / "config.yaml")]
    assert main(["fit", *configuration, *resume, "--ckpt_path", str(searched.path)]) == 0
    assert main(["fit", *config, "--model.lr", rate, *resume]) == 0
    resumed, whole = (
        Checkpoint.read(run / "checkpoints/last.ckpt")
        for run in sorted(Path("lightning_logs").glob("*/version_*"))[2:]
    )
    assert all(torch.equal(weight, whole.weights[name]) for name, weight in resumed.weights.items())


def test_find_lr_is_refused_where_it_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    for options in (
        ["--ckpt_path", "last"],
        ["--model.lr", "0.1"],
        ["--trainer.fast_dev_run", "true"],
    ):
        assert main(["fit", "--config", "moons", "--find_lr", *options]) == 2
        message = f"--find_lr finds a learning rate for a new run; leave it out with {options[0]}"
        assert message in capsys.readouterr().err
    assert not Path("lightning_logs").exists()


@pytest.mark.slow
def test_a_given_rate_takes_precedence_over_the_search_of_a_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = "data: {class_path: MoonsDataModule}\nmodel: {class_path: BinaryClassifier}\nfind_lr: true\n"
    Path("found.yaml").write_text(content)
    fit = ["fit", "--config", "found.yaml", *SHORT, "--plots", "none"]
    assert main([*fit, "--model.lr", "0.3"]) == 0
    assert "Learning rate" not in capsys.readouterr().out
    assert (
        Checkpoint.read("lightning_logs/found/version_0/checkpoints/last.ckpt").model.init_args["lr"] == 0.3
    )
    assert main(fit) == 0
    assert "Learning rate" in capsys.readouterr().out
