"""The command diagnose, and the check at the end of fit."""

import shlex
import time
from pathlib import Path

import pytest
from sklearn import datasets

from lit_classify import BinaryClassifier, CirclesDataModule, recipes
from lit_classify.cli.main import main
from lit_classify.evaluation.diagnosis_facts import collect_facts
from tests.example_tables import bundled

VERDICTS = {
    "bad_batch": "cannot overfit one batch",
    "bad_dead": "hidden units are dead",
    "bad_linear": "all layers are linear",
    "bad_lr": "the learning rate is too high",
    "bad_overfit": "the model overfits",
    "bad_short": "the loss is still falling",
    "bad_slow": "the loss hardly moves",
    "bad_vanishing": "gradients are near zero",
    "circles_v0": "all layers are linear",
    "circles_v1": "all layers are linear",
}


def fit(*options: str) -> None:
    assert main(["fit", "--config", *options, "--plots", "none"]) == 0


def test_every_bad_recipe_has_a_verdict() -> None:
    assert set(recipes.bad_names()) <= set(VERDICTS)


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "verdict"), VERDICTS.items())
def test_a_bad_recipe_gets_its_verdict_from_fit_and_from_the_run_and_advice_that_removes_it(
    recipe: str, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fit(recipe)
    check, advice = capsys.readouterr().out.splitlines()[-2:]
    assert check.startswith(f"Check: {verdict}: ")
    assert advice.startswith("Try:   ")
    assert main(["diagnose", f"lightning_logs/{recipe}/version_0"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [check, advice]
    if recipe not in {"bad_short", "circles_v0", "circles_v1"}:
        fit(recipe, *shlex.split(advice.removeprefix("Try:").partition(", or")[0]))
        assert verdict not in capsys.readouterr().out  # the advice removes it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ("circles_v0", "all layers are linear"),
        ("spirals --model.lr 1e-8", "the loss hardly moves"),
        ("bad_dead", "hidden units are dead"),
        ("moons --model.dropout 0.9", "regularization is strong"),
        ("moons --data.noise 0.0 --model.hidden [64]", None),
        ("spirals", None),
    ],
)
def test_a_batch_that_is_not_overfitted_gets_the_cause(
    options: str, cause: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = ["--data.batch_size", "16", "--trainer.overfit_batches", "1"]
    fit(*options.split(), *batch)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Check:")]
    assert len(shown) == (cause is not None)
    assert not cause or shown[0].startswith(f"Check: cannot overfit one batch: {cause}: ")
    assert main(["diagnose", f"lightning_logs/{options.split()[0]}/version_0"]) == 0
    assert (shown or ["No problem found."])[0] in capsys.readouterr().out.splitlines()


def test_fit_prints_a_verdict_after_the_commands_and_nothing_on_a_healthy_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit("circles_v0")
    printed = capsys.readouterr().out.splitlines()
    assert printed[-3].startswith("Test:  lit-classify test")
    assert printed[-2].startswith("Check: all layers are linear: accuracy 50.5% on training rows, 100.0%")
    assert printed[-1] == "Try:   --model.activation ReLU"
    fit("blobs")
    assert "Check:" not in capsys.readouterr().out


def test_a_run_a_checkpoint_and_the_newest_are_diagnosed_alike(capsys: pytest.CaptureFixture[str]) -> None:
    fit("circles_v0", "--trainer.max_epochs", "20")
    capsys.readouterr()
    run = "lightning_logs/circles_v0/version_0"
    outputs = []
    for source in (run, f"{run}/checkpoints/last.ckpt", "last"):
        assert main(["diagnose", source]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0].startswith(f"{run}: BinaryClassifier after 20 epochs\nCheck: all layers are linear")
    assert len(set(outputs)) == 1


def test_a_healthy_run_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    fit("blobs")
    capsys.readouterr()
    assert main(["diagnose", "lightning_logs/blobs/version_0"]) == 0
    expected = "lightning_logs/blobs/version_0: MulticlassClassifier after 100 epochs\nNo problem found.\n"
    assert capsys.readouterr().out == expected


def test_a_directory_without_checkpoints_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    assert main(["diagnose", "runs"]) == 2
    assert "runs has no checkpoints; give the directory of a run that has" in capsys.readouterr().err
    assert main(["diagnose", "nothing"]) == 2
    assert "no checkpoint at nothing" in capsys.readouterr().err


def test_a_configuration_that_was_changed_by_hand_causes_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit("circles_v0", "--trainer.max_epochs", "20")
    run = "lightning_logs/circles_v0/version_0"
    for content in ("trainer: [1, 2]", "trainer: {overfit_batches: many}", "trainer: {overfit_batches: -3}"):
        Path(run, "config.yaml").write_text(content)
        capsys.readouterr()
        assert main(["diagnose", run]) == 0
        assert "Check: all layers are linear" in capsys.readouterr().out
    Path(run, "config.yaml").write_text("{{{")
    assert main(["diagnose", run]) == 2
    assert f"{run}/config.yaml is not valid YAML: while parsing" in capsys.readouterr().err


def test_the_check_of_a_run_takes_milliseconds() -> None:
    model, data = BinaryClassifier(2, activation=None), CirclesDataModule(num_samples=100_000)
    scalars = [("train/loss", step, 0.69) for step in range(1000)]
    collect_facts(model, data, scalars)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        collect_facts(model, data, scalars)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


TABLES = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
}
HEALTHY = [
    *(
        f"{recipe} --seed_everything {seed}"
        for recipe in ("moons", "spirals", "blobs", "line", "circles_squares")
        for seed in range(4)
    ),
    *(f"circles_v2 --seed_everything {seed} --trainer.max_epochs 2000" for seed in (42, 1)),
    "circles_v2",
    "moons --data XorDataModule",
    "moons --data GaussiansDataModule",
    "moons --data.noise 0.3 --data.val_fraction 0.2",
    *(f"{name} --seed_everything {seed}" for name in TABLES for seed in range(2)),
]


@pytest.mark.slow
@pytest.mark.parametrize("run", HEALTHY)
def test_a_healthy_run_gets_no_verdict(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *options = run.split()
    if name in TABLES:
        table = ["--data.path", str(bundled(TABLES[name], f"{name}.csv")), "--data.target", "target"]
        fit("table", *table, *options, "--trainer.max_epochs", "15")
    else:
        fit(name, *options)
    assert "Check:" not in capsys.readouterr().out
