"""Custom networks: those that cannot be built or have outputs of another shape are refused."""

from typing import Any

import pytest
from torch import nn

from lit_classify import BinaryClassifier
from lit_classify.errors import UserError


@pytest.mark.reliability(20)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BinaryClassifier(2, network_args={"width": 3}), "but network is not given"),
        (lambda: BinaryClassifier(2, network="tests.custom_networks.Wide"), r"shape \(N, 1\), but"),
        (lambda: BinaryClassifier(2, network="no.such.Net"), "no.such.Net cannot be imported"),
        (lambda: BinaryClassifier(2, network=nn.Linear(2, 1), network_args={"a": 1}), "is an instance"),
        (lambda: BinaryClassifier(2, network=nn.Linear(2, 3)), r"shape \(N, 1\), but"),
        (lambda: BinaryClassifier(2, network=dict), "network 'dict' must be a torch.nn.Module"),
    ],
)
def test_unsuitable_networks_and_their_arguments_are_refused(build: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build()
