"""Optimizers as a learner might write them."""

import torch


class OwnSGD(torch.optim.SGD):
    """An optimizer of one's own."""
