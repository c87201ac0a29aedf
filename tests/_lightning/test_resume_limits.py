"""A resumed run with nothing left to train prints how to train longer; early stopping is resumed."""

from pathlib import Path

import lightning.pytorch as L
import pytest
from lightning.pytorch.callbacks import EarlyStopping

from lit_classify.callbacks import EpochLog
from lit_classify.cli.main import main
from lit_classify.errors import DataWarning
from tests._lightning.test_exact_resume import assert_same, fit

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*callbacks used to create the checkpoint need to be provided"
)


@pytest.mark.reliability(48)
def test_a_run_resumed_with_a_larger_patience_equals_one_with_it_from_the_start() -> None:
    def stop(patience: int) -> list[L.Callback]:
        return [EpochLog(1), EarlyStopping("val/loss", patience=patience, min_delta=0.05)]

    whole = fit(callbacks=lambda: stop(4), max_epochs=60)
    first = fit(callbacks=lambda: stop(1), max_epochs=60)
    assert first["epoch"] < whole["epoch"] < 60
    with pytest.warns(DataWarning, match="nothing left to train"):
        assert fit("stopped.ckpt", callbacks=lambda: stop(1), max_epochs=60)["epoch"] == first["epoch"]
    assert_same(whole, fit("stopped.ckpt", callbacks=lambda: stop(4), max_epochs=60))


@pytest.mark.reliability(48)
@pytest.mark.parametrize(
    ("limit", "option"),
    [
        (["--trainer.max_epochs", "2"], "--trainer.max_epochs"),
        (["--trainer.max_epochs", "9", "--trainer.max_steps", "5"], "--trainer.max_steps"),
        (["--trainer.max_epochs", "9", "--trainer.max_time", "00:00:00:00"], "--trainer.max_time"),
    ],
)
def test_a_run_with_nothing_left_to_train_prints_how_to_train_longer(
    limit: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["fit", "--config", "moons", "--data.batch_size", "100", "--plots", "none"]
    if "max_time" in option:
        assert main([*run, "--trainer.max_steps", "3", "--trainer.max_time", "00:01:00:00"]) == 0
    else:
        assert main([*run, *limit]) == 0
    paths = sorted(Path().rglob("*"))
    capsys.readouterr()
    assert main([*run, *limit, "--ckpt_path", "last"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "nothing left to train" in line]
    assert f"to train longer, give a larger {option}" in line
    assert sorted(Path().rglob("*")) == paths
