"""Order of rows by probability and by error."""

import pytest
import torch

from lit_classify import BinaryClassifier, LitModule, MulticlassClassifier, TableDataModule
from lit_classify.callbacks.evaluation_plots import worst_rows
from lit_classify.data.splits import Split
from lit_classify.networks import evaluating
from tests.example_tables import write


@pytest.mark.parametrize("task", [BinaryClassifier, MulticlassClassifier])
def test_saturated_logits_rank_in_their_order(task: type[LitModule]) -> None:
    model = task(2, 1 if task is BinaryClassifier else 2, class_names=["0", "1"], hidden=[])
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        next(model.parameters())[-1, 0] = 1.0  # the logit of class 1 is the first feature
    write("x,z,kind\n" + "".join(f"{n},{n % 5},{n % 2}\n" for n in range(60)))
    data = TableDataModule("t.csv", "kind")
    data.setup()
    x = torch.tensor([[20.0, 0.0], [30.0, 0.0], [25.0, 0.0]])
    data._splits["val"] = Split(x, torch.tensor([0, 0, 0]))
    with evaluating(model):
        logits, y = model(x), data.split("val").y
        _, p = model.one_vs_rest(logits, y)["1"]
        table = worst_rows(model, data, logits, y)
    assert p.argsort().tolist() == [0, 2, 1]
    shown = data.raw_rows("val", [1, 2, 0])
    assert [row.split("|")[3].strip() for row in table.splitlines()[2:]] == [str(v) for v in shown["x"]]
