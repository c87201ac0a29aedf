"""Weights of a checkpoint as the first weights of another model."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lit_classify import (
    BinaryClassifier,
    BlobsDataModule,
    CirclesDataModule,
    LineDataModule,
    MulticlassClassifier,
    Regressor,
    TableDataModule,
    init_from,
)
from lit_classify.callbacks.hparams import settings
from lit_classify.checkpoints import Checkpoint
from lit_classify.checkpoints.transfer import recorded_preprocessing
from lit_classify.cli.main import main
from lit_classify.errors import UserError
from lit_classify.modules import LitModule
from tests.custom_networks import Squares
from tests.example_tables import write
from tests.training import fitted, same_weights, trainer

SHORT = ["--plots", "none", "--trainer.enable_progress_bar", "false"]
BLOBS = "lightning_logs/blobs/version_0/checkpoints/best.ckpt"


def saved(model: LitModule, data: Any, name: str = "source.ckpt") -> Path:
    made = trainer(max_epochs=2)
    made.fit(model, data)
    made.save_checkpoint(name)
    return Path(name)


def blobs(num_classes: int = 4, **arguments: Any) -> MulticlassClassifier:
    return MulticlassClassifier(2, num_classes, **{"hidden": [8, 8], **arguments})


def test_training_from_the_weights_of_other_data_equals_a_plain_loop() -> None:
    source = blobs()
    path = saved(source, BlobsDataModule())
    data = BlobsDataModule(num_classes=3)
    model = blobs(3, freeze=["0"])
    network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    network.load_state_dict({**model.network.state_dict()})
    for index in (0, 2):
        network[index].load_state_dict(source.network[index].state_dict())  # type: ignore[index]
    transfer = init_from(model, path, data)
    assert str(transfer) == (
        "Weights from source.ckpt: layers 0, 2; new: 4 (shape (3, 8), not (4, 8)); frozen: 0"
    )
    trainer(max_epochs=5).fit(model, data)

    optimizer = torch.optim.SGD(network[1:].parameters(), lr=0.1)
    x, y = data.split("train")
    for _ in range(5):
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert same_weights(model.network, network)


def test_the_hyperparameters_of_a_run_name_the_checkpoint_and_the_frozen_layers() -> None:
    path = saved(blobs(), BlobsDataModule())
    model = blobs(freeze=[0, 2])
    init_from(model, path)
    shown = settings(trainer(), model, BlobsDataModule())
    assert (shown["init_from"], shown["freeze"]) == ("source.ckpt", "0, 2")
    other = settings(trainer(), blobs(), BlobsDataModule())
    assert (other["init_from"], other["freeze"]) == ("", "")


def test_linear_layers_correspond_by_their_order() -> None:
    source = blobs(activation=None)
    path = saved(source, BlobsDataModule())
    model = blobs(dropout=0.5)
    assert init_from(model, path).taken == ["0", "3", "6"]
    assert same_weights(model.network, source.network)


def test_layers_of_custom_networks_correspond_by_their_names() -> None:
    custom: dict[str, Any] = {"network": Squares, "network_args": {"width": 4}}
    source = BinaryClassifier(2, **custom)
    path = saved(source, CirclesDataModule())
    model = blobs(**custom)
    transfer = init_from(model, path)
    assert (transfer.taken, list(transfer.new)) == (["hidden"], ["out"])
    assert torch.equal(model.network.hidden.weight, source.network.hidden.weight)  # type: ignore[union-attr, arg-type]
    with pytest.raises(UserError, match=r"no layer of source.ckpt fits this model: 0: not in the checkpoint"):
        init_from(blobs(), path)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: blobs(class_names=["a", "b", "c", "d"]), "other classes"),
        (lambda: BinaryClassifier(2, hidden=[8, 8]), r"shape \(1, 8\), not \(4, 8\)"),
    ],
)
def test_the_last_layer_is_new_if_classes_differ(model: Any, reason: str) -> None:
    path = saved(blobs(class_names=["0", "1", "2", "3"]), BlobsDataModule())
    built = model()
    original = built.network[-1].weight.clone()
    assert f"4 ({reason})".replace("\\", "") in str(init_from(built, path))
    assert torch.equal(built.network[-1].weight, original)


def test_the_last_layer_of_another_task_is_new() -> None:
    path = saved(BinaryClassifier(2, hidden=[4]), CirclesDataModule())
    assert init_from(Regressor(2, hidden=[4]), path).new == {"2": "of a BinaryClassifier"}


def test_the_outputs_of_a_regressor_keep_their_scale_with_their_weights() -> None:
    rows = [f"{n / 50},{1000 + 10 * n + 40 * (n % 5)}" for n in range(100)]
    data = TableDataModule(str(write("\n".join(["x,y", *rows]))), "y")
    source = Regressor(1, hidden=[4])
    path = saved(source, data)
    model = Regressor(1, hidden=[4])
    init_from(model, path)
    trainer(max_epochs=1, limit_train_batches=0, limit_val_batches=0).fit(model, LineDataModule())
    x = torch.rand(5, 1)
    assert torch.equal(model.predict(x), source.predict(x))


def test_members_have_the_weights_of_as_many_members() -> None:
    source = BinaryClassifier(2, hidden=[4], members=3)
    path = saved(source, CirclesDataModule())
    model = BinaryClassifier(2, hidden=[4], members=3)
    init_from(model, path)
    assert same_weights(model, source)
    with pytest.raises(UserError, match=r"has 3 members, but the model has 1; add --model\.members 3$"):
        init_from(BinaryClassifier(2, hidden=[4]), path)
    with pytest.raises(UserError, match=r"has 3 members, but the model has 2; add --data\.folds 3$"):
        init_from(BinaryClassifier(2, hidden=[4], folds=2), path)
    single = saved(BinaryClassifier(2, hidden=[4]), CirclesDataModule())
    with pytest.raises(UserError, match=r"the model has 2; add --data\.folds 0 --model\.members 1$"):
        init_from(BinaryClassifier(2, hidden=[4], folds=2), single)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: blobs(hidden=[9]), r"fits this model: 0: shape \(9, 2\), not \(8, 2\); 2: shape"),
        (
            lambda: blobs(hidden=[8, 9], freeze=[2]),
            r"layer 2 is frozen, but would keep random weights, .*9, 8",
        ),
    ],
)
def test_a_model_without_fitting_layers_is_refused(model: Any, message: str) -> None:
    path = saved(blobs(), BlobsDataModule())
    with pytest.raises(UserError, match=message):
        init_from(model(), path)


@pytest.mark.reliability(56)
@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda content: content["state_dict"]["network.0.bias"].fill_(torch.nan), "NaN, infinite"),
        (lambda content: content["lit_classify"]["model"]["init_args"].update(members="x"), "TypeError"),
        (lambda content: content.update(state_dict="weights"), "has no weights"),
        (lambda content: content["lit_classify"].update(initialization="x"), "inconsistent content"),
        (
            lambda content: content["state_dict"].update(
                {"network.0.bias": torch.zeros(3, dtype=torch.complex64)}
            ),
            "dtype float32, not complex64",
        ),
    ],
)
def test_altered_content_is_refused(alter: Any, message: str) -> None:
    fitted()
    content = torch.load("fitted.ckpt", weights_only=True)
    content["lit_classify"].pop("sealed", None)
    alter(content)
    torch.save(content, "altered.ckpt")
    model = BinaryClassifier(2, hidden=[3], freeze=["0"])
    with pytest.raises(UserError, match=message):
        init_from(model, "altered.ckpt")


def tables() -> tuple[Path, Path]:
    """Write a table, and one with the same columns but another distribution and one more category."""
    rows = [
        f"{n % 17 + n / 1000},{'red' if n % 3 else 'blue'},{'yes' if n * 7 % 20 > 8 else 'no'}"
        for n in range(120)
    ]
    old = write("\n".join(["size,color,y", *rows]), "old.csv")
    rows = [
        f"{n % 23 + 5 + n / 1000},{('red', 'blue', 'green')[n % 3]},{'abc'[n * 7 % 20 // 7]}"
        for n in range(90)
    ]
    return old, write("\n".join(["size,color,y", *rows]), "new.csv")


def test_kept_preprocessing_gives_the_features_that_the_weights_were_trained_with() -> None:
    old, new = tables()
    original = TableDataModule(str(old), "y", random_state=0)
    model = BinaryClassifier(original.in_features, class_names=original.class_names)
    source = Checkpoint.read(saved(model, original))
    with pytest.warns(UserWarning, match=r"unseen categories: 'color' has 30 values"):
        kept = TableDataModule(str(new), "y", preprocessing=recorded_preprocessing(source))
    assert kept.class_names == ["a", "b", "c"]
    assert kept.preprocessor.to_dict() == original.preprocessor.to_dict()
    rows = kept.raw_rows("train", range(len(kept.split("train").y)))
    with pytest.warns(UserWarning, match="unseen categories"):
        assert torch.equal(original.transform(rows.drop("y").cast({"size": float})), kept.split("train").x)

    fresh = MulticlassClassifier(kept.in_features, 3, class_names=kept.class_names)
    assert init_from(fresh, source, kept).taken == ["0", "2"]
    refitted = TableDataModule(str(new), "y")
    other = MulticlassClassifier(refitted.in_features, 3, class_names=refitted.class_names)
    assert list(init_from(other, source, refitted).new) == ["0", "4"]
    with pytest.raises(UserError, match=r"kept preprocessing needs the columns color, which --data\.ignore"):
        TableDataModule(str(new), "y", ignore="color", preprocessing=recorded_preprocessing(source))


@pytest.mark.slow
def test_a_run_resumes_exactly_without_the_checkpoint_that_it_started_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new = tables()
    fit = [
        "fit",
        "--config",
        "table",
        "--data.target",
        "y",
        "--data.folds",
        "3",
        "--model.hidden",
        "[8]",
        *SHORT,
    ]
    assert main([*fit, "--data.path", str(old), "--trainer.max_epochs", "2"]) == 0
    shutil.move("lightning_logs", "first")
    fit += ["--data.path", str(new), "--model.freeze", "0"]
    start = ["--init_from", "first/table/version_0"]
    assert main([*fit, *start, "--trainer.max_epochs", "4"]) == 0
    printed = capsys.readouterr().out
    assert "of them frozen" in printed
    assert "Preprocessing kept, of the columns size, color" in printed
    assert main([*fit, *start, "--trainer.max_epochs", "2"]) == 0
    shutil.rmtree("first")
    assert main([*fit, "--ckpt_path", "last", "--trainer.max_epochs", "4"]) == 0
    whole, resumed = (
        Checkpoint.read(f"lightning_logs/table/version_{version}/checkpoints/last.ckpt") for version in (0, 2)
    )
    assert whole.weights.keys() == resumed.weights.keys()
    assert all(torch.equal(weight, resumed.weights[name]) for name, weight in whole.weights.items())
    assert whole.data == resumed.data
    for each in (whole, resumed):
        assert each.content["lit_classify"]["initialization"]["path"].startswith("first/table/version_0/")


@pytest.mark.slow
def test_mistakes_on_the_command_line_are_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "blobs_transfer"]) == 2
    assert "train one first: lit-classify fit --config blobs" in capsys.readouterr().err
    assert main(["fit", "--config", "blobs", *SHORT, "--trainer.max_epochs", "1"]) == 0
    old, _ = tables()
    table = ["fit", "--config", "table", "--data.target", "y", "--data.path"]
    keep = ["--init_preprocessing", "keep"]
    for command, message in {
        ("fit", "--config", "moons", "--init_from", "blobs", "--ckpt_path", BLOBS): "give one of them",
        (
            "fit",
            "--config",
            "moons",
            "--init_from",
            "nothing",
        ): "no checkpoint at nothing, and no run lightning_",
        ("fit", "--config", "moons", *keep): "--init_preprocessing keep requires --init_from",
        (
            *table,
            str(old),
            "--init_from",
            BLOBS,
            *keep,
        ): "keep needs a table, and a checkpoint that was trained",
        ("fit", "--config", "moons", "--freeze", "7"): "unknown layer to freeze '7': choose from 0, 2, 4",
    }.items():
        assert main(list(command)) == 2
        assert message in capsys.readouterr().err
