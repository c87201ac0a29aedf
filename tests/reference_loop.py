"""The hand-written training loops of the course, with which the Trainer is compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
Split = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass
class Course:
    """A model of the course, trained as on the course page."""

    model: nn.Sequential
    lines: list[str] = field(default_factory=list)


def circles() -> Split:
    x, y = make_circles(1000, noise=0.03, random_state=42)
    return _split(torch.from_numpy(x).type(torch.float), torch.from_numpy(y).type(torch.float))


def blobs() -> Split:
    x, y = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
    return _split(torch.from_numpy(x).type(torch.float), torch.from_numpy(y).long())


def line() -> Split:
    x = torch.arange(0, 1, 0.01).unsqueeze(dim=1)
    y = 0.7 * x + 0.3
    return x[:80], x[80:], y[:80], y[80:]


def _split(x: Tensor, y: Tensor) -> Split:
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    return x_train, x_test, y_train, y_test


def accuracy(y_true: Tensor, y_pred: Tensor) -> float:
    return float(torch.eq(y_true, y_pred).sum().item() / len(y_pred) * 100)


def sequential(*widths: int, activation: type[nn.Module] | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for in_features, out_features in pairwise(widths):
        layers.append(nn.Linear(in_features, out_features))
        if activation is not None and len(layers) < 2 * (len(widths) - 1) - 1:
            layers.append(activation())
    return nn.Sequential(*layers)


def train(name: str, epochs: int, every: int) -> Course:
    """Build a model with seed 42 and train it by the page's loop: SGD with lr 0.1 on a single batch."""
    torch.manual_seed(42)
    build: dict[str, Callable[[], tuple[nn.Sequential, Loss, Split, Callable[[Tensor], Tensor] | None]]] = {
        "circles_v0": lambda: (sequential(2, 5, 1), nn.BCEWithLogitsLoss(), circles(), _round),
        "circles_v1": lambda: (sequential(2, 10, 10, 1), nn.BCEWithLogitsLoss(), circles(), _round),
        "circles_v2": lambda: (
            sequential(2, 10, 10, 1, activation=nn.ReLU),
            nn.BCEWithLogitsLoss(),
            circles(),
            _round,
        ),
        "line": lambda: (sequential(1, 10, 10, 1), nn.L1Loss(), line(), None),
        "blobs": lambda: (sequential(2, 8, 8, 4), nn.CrossEntropyLoss(), blobs(), _argmax),
    }
    model, loss_fn, split, labels = build[name]()
    x_train, x_test, y_train, y_test = split
    squeeze = name.startswith("circles")
    course = Course(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        model.train()
        logits = model(x_train).squeeze() if squeeze else model(x_train)
        loss = loss_fn(logits, y_train)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        optimizer.step()
        model.eval()
        with torch.inference_mode():
            test_logits = model(x_test).squeeze() if squeeze else model(x_test)
            test_loss = loss_fn(test_logits, y_test)
        if epoch % every == 0:
            start = f"Epoch: {epoch:<{len(str(epochs - every))}} | "
            if labels is None:
                course.lines.append(f"{start}Train loss: {loss:.5f}, Test loss: {test_loss:.5f}")
            else:
                acc, test_acc = accuracy(y_train, labels(logits)), accuracy(y_test, labels(test_logits))
                course.lines.append(
                    f"{start}Loss: {loss:.5f}, Acc: {acc:.2f}% | "
                    f"Test loss: {test_loss:.5f}, Acc: {test_acc:.2f}%"
                )
    return course


def _round(logits: Tensor) -> Tensor:
    return torch.round(torch.sigmoid(logits))


def _argmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=1).argmax(dim=1)
