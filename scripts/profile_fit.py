"""Print how much time each component of a step of ``Trainer.fit`` of circles_v2 takes, in microseconds.

    python scripts/profile_fit.py

CPU time is sampled: every millisecond of it belongs to the innermost function of a component below.
Run it on an otherwise idle machine.
"""

import os
import signal
import sys
import tempfile
from collections import Counter
from types import FrameType

from benchmark_speed import _recipe_run

RUNS, EPOCHS = 20, 1000
COMPONENTS = (  # a fragment of a path, and the component of its functions; the first that matches
    ("torch/autograd/graph", "torch: backward"),
    ("torch/autograd/", "torch: contexts of gradients and of its profiler"),
    ("torch/optim/", "torch: optimizer"),
    ("torch/nn/", "torch: forward and loss"),
    ("torch/serialization", "checkpoints"),
    ("lit_classify/checkpoints/", "checkpoints"),
    ("lit_classify/callbacks/checkpointing", "checkpoints"),
    ("lightning/pytorch/callbacks/model_checkpoint", "checkpoints"),
    ("lit_classify/loggers", "logged scalars"),
    ("tensorboard/", "logged scalars"),
    ("lit_classify/callbacks/", "other callbacks of lit_classify"),
    ("lit_classify/modules/fit_callbacks", "check of the loss, metrics of the epoch"),
    ("lit_classify/modules/", "LitModule: steps and counts"),
    ("lit_classify/data/", "data loader"),
    ("lit_classify/_lightning/exact_resume", "exact resume: random numbers of each step"),
    ("lit_classify/_lightning/", "hooks: which are overridden"),
    ("lightning/pytorch/loops/optimization/", "Lightning: closure of the optimizer"),
    ("lightning/pytorch/loops/evaluation_loop", "Lightning: validation every 100 epochs"),
    ("lightning/pytorch/loops/fetchers", "Lightning: fetching of a batch"),
    ("lightning/pytorch/utilities/combined_loader", "Lightning: fetching of a batch"),
    ("lightning/pytorch/loops/", "Lightning: loops over steps and epochs"),
    ("lightning/pytorch/strategies/", "Lightning: strategy, precision and clipping"),
    ("lightning/pytorch/plugins/", "Lightning: strategy, precision and clipping"),
    ("lightning/pytorch/core/", "Lightning: strategy, precision and clipping"),
    ("lightning/pytorch/trainer/connectors/", "Lightning: results and metrics"),
    ("lightning/pytorch/utilities/signature_utils", "Lightning: signature of training_step, inspected again"),
    ("lightning/pytorch/trainer/call", "Lightning: calls of hooks"),
    ("lightning/pytorch/trainer/", "Lightning: properties of the trainer"),
    ("lightning/pytorch/utilities/", "Lightning: is a hook overridden, by inspection"),
    ("lightning/", "Lightning: the rest"),
)


def component_of(frame: FrameType | None) -> str | None:
    """Return the component of a function, or of the one that called it; None outside ``Trainer.fit``."""
    component, inside = None, False
    while frame is not None:
        path = frame.f_code.co_filename
        component = component or next((name for fragment, name in COMPONENTS if fragment in path), None)
        inside |= frame.f_code.co_name == "run" and path.endswith("fit_loop.py")
        frame = frame.f_back
    return (component or "Python's own") if inside else None


def main() -> int:
    """Sample runs and print the table."""
    os.chdir(tempfile.mkdtemp())
    run, samples = _recipe_run("cpu"), Counter[str]()
    import torch

    torch.set_num_threads(1)  # as the command line does for small models
    run()

    def sample(signal_number: int, frame: FrameType | None) -> None:
        if component := component_of(frame):
            samples[component] += 1

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    total = sum(run() for _ in range(RUNS)) / RUNS / EPOCHS * 1e6
    signal.setitimer(signal.ITIMER_PROF, 0)
    print("| component of a step | microseconds |\n|---|---|")
    for component, count in samples.most_common():
        print(f"| {component} | {count / samples.total() * total:.0f} |")
    print(f"| in all | {total:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
