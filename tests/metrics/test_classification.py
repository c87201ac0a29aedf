"""Metrics of classes: log odds, by which classes are ranked."""

import pytest
import torch

from lit_classify.metrics.classification import log_odds


@pytest.mark.reliability(60)
def test_log_odds_equal_those_of_the_probabilities() -> None:
    logits = torch.randn(200, 4, dtype=torch.float64)
    p = torch.softmax(logits, dim=1)
    torch.testing.assert_close(log_odds(logits), torch.log(p / (1 - p)))
