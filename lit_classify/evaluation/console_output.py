"""The output of ``test`` and ``validate``: metrics, tables of the task, and baselines."""

from lit_classify.data import InMemoryDataModule
from lit_classify.evaluation.baselines import baseline_lines
from lit_classify.messages import escape_control, format_metric
from lit_classify.metrics.base import Metrics
from lit_classify.modules import LitModule


def evaluation_text(model: LitModule, data: InMemoryDataModule) -> str:
    """Return the tables and baselines on the rows that the model was tested on last.

    Examples:
        >>> from lit_classify import LineDataModule, Regressor
        >>> print(evaluation_text(Regressor(1), LineDataModule()))
        baselines on the same rows, R²
          mean                 -75.18794
          linear regression    1.00000
    """
    return "\n\n".join([*task_tables(model), "\n".join(baseline_lines(model, data))])


def task_tables(model: LitModule) -> list[str]:
    """Return the tables of the task on the rows that the model was evaluated on last."""
    evaluation = model.evaluation  # absent after a custom step
    if evaluation is None or not evaluation.metrics.values:  # empty if outputs are NaN
        return []
    return model.evaluation_tables(evaluation.logits.to(model.device), evaluation.y)


def metric_lines(metrics: Metrics) -> list[str]:
    r"""Return a line for each metric: its value, or why it is undefined.

    Examples:
        >>> metrics = Metrics({"loss": 0.25}, {"r2": "undefined: there is only one row"})
        >>> print("\n".join(metric_lines(metrics)))
          loss  0.25000
          r2    undefined: there is only one row
    """
    values, notes = metrics
    width = max(map(len, [*values, *notes]))
    lines = []
    for name in dict.fromkeys([*values, *notes]):
        text = notes.get(name, "")
        if name in values:
            text = f"{format_metric(values[name])}{text and f'  ({text})'}"
        lines.append(f"  {name:<{width}}  {escape_control(text, is_name=True)}")
    return lines
