"""Contract: Lightning can be imported without matplotlib and scipy.signal."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_lightning_is_imported_without_matplotlib_and_metrics_can_plot() -> None:
    code = """
import sys
from lit_classify._lightning.fast_import import import_lightning
import_lightning()
assert not {"matplotlib", "scipy.signal"} & set(sys.modules)
import matplotlib, scipy.signal, torch
matplotlib.use("agg")
assert scipy.signal.windows.hann(4) is not None
from torchmetrics.classification import BinaryAccuracy
metric = BinaryAccuracy()
metric.update(torch.tensor([0.2, 0.8]), torch.tensor([0, 1]))
figure, _ = metric.plot()
assert isinstance(figure, matplotlib.figure.Figure)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.slow
def test_public_names_are_imported_without_matplotlib_and_garbage_is_collected_afterwards() -> None:
    code = (
        "import gc, sys; from lit_classify import BinaryClassifier\n"
        "assert not {'matplotlib', 'scipy.signal'} & set(sys.modules)\n"
        "assert gc.isenabled() and gc.get_freeze_count() == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
