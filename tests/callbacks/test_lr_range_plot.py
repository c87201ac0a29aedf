"""The plot of a range test is written before the first step, if there is a directory for it."""

from pathlib import Path

from lit_classify import BinaryClassifier, CirclesDataModule
from lit_classify.callbacks.lr_range_plot import LearningRatePlot
from lit_classify.evaluation.lr_range_test import RangeTest
from lit_classify.loggers import RunLogger
from tests.event_files import events
from tests.training import trainer

TEST = RangeTest([0.01, 0.1, 1.0, 10.0], [0.7, 0.6, 0.4, 0.9])


def test_the_plot_is_an_image_and_a_file() -> None:
    logger = RunLogger(Path("lightning_logs"), "circles")
    callback = LearningRatePlot(TEST, "circles", logger)
    trainer(max_epochs=1, logger=logger, callbacks=[callback]).fit(BinaryClassifier(2), CirclesDataModule())
    logger.finalize("success")
    assert Path(logger.log_dir, "learning_rate.png").read_bytes().startswith(b"\x89PNG")
    assert events("circles/version_0").Tags()["images"] == ["learning_rate"]


def test_without_a_directory_nothing_is_written() -> None:
    callback = LearningRatePlot(TEST, "circles", None)
    trainer(max_epochs=1, callbacks=[callback]).fit(BinaryClassifier(2), CirclesDataModule())
    assert list(Path().rglob("*.png")) == []
