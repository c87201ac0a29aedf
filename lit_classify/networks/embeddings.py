"""Embeddings of a table's features: numbers and categories.

Legend: N rows, F features, M numeric features, B bins, D dimensions of an embedding; ``...`` stands for a
leading dimension of K members, which the output has if the parameters have it.
"""

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, cast, get_args

import torch
from torch import Tensor, nn

from lit_classify.errors import UserError, check_choice
from lit_classify.networks.members import Stackable

NumericEmbedding = Literal["periodic", "piecewise", "both"]
_LIMIT = 3.0  # of smoothly clipped numbers, as the next three constants from RealMLP, arXiv 2407.04491
_NUM_FREQUENCIES = 16
_FREQUENCY_STD = 0.1
_NUM_BINS = 32


class NumberEmbedding(nn.Module):
    """Base class of embeddings of numbers: learned functions of each number.

    Attributes:
        kind: its name, which the script of the report's page uses too.
        dim: number of functions of each number, D.
    """

    kind: ClassVar[str]
    dim: ClassVar[int]

    def fit(self, numbers: Tensor) -> None:
        """Fit to the numbers ``(N, M)`` of the training rows; does nothing by default."""


class PeriodicEmbedding(NumberEmbedding):
    """Map each number x to ``cos(2 pi x w + b) W + c`` with learned w, b, W and c (PBLD, arXiv 2407.04491).

    Args:
        num_columns: number of numeric features, M.

    Shape:
        - Input: ``(N, M)``.
        - Output: ``(..., N, M D)``.

    Examples:
        >>> PeriodicEmbedding(4)(torch.rand(5, 4)).shape
        torch.Size([5, 12])
    """

    kind, dim = "periodic", 3

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        frequencies = torch.randn(num_columns, 1, _NUM_FREQUENCIES) * _FREQUENCY_STD
        self.frequency = nn.Parameter(frequencies)
        self.phase = nn.Parameter(torch.empty_like(frequencies).uniform_(-math.pi, math.pi))
        self.weight = _uniform(num_columns, _NUM_FREQUENCIES, self.dim)
        self.bias = _uniform(num_columns, 1, self.dim, fan_in=_NUM_FREQUENCIES)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the embeddings of numbers."""
        angles = numbers.mT.unsqueeze(-1) * (2 * math.pi * self.frequency) + self.phase  # (..., M, N, 16)
        return _flatten(torch.cos(angles) @ self.weight + self.bias)


class PiecewiseEmbedding(NumberEmbedding):
    """Map each number to learned functions that are linear between quantiles (PLE, arXiv 2203.05556).

    Args:
        num_columns: number of numeric features, M.

    Shape:
        - Input: ``(N, M)``.
        - Output: ``(..., N, M D)``.

    Examples:
        >>> embedding = PiecewiseEmbedding(4)
        >>> embedding.fit(torch.rand(100, 4))
        >>> embedding(torch.rand(5, 4)).shape
        torch.Size([5, 32])
    """

    kind, dim = "piecewise", 8
    edges: Tensor

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        self.register_buffer("edges", torch.linspace(-_LIMIT, _LIMIT, _NUM_BINS + 1).repeat(num_columns, 1))
        self.weight = _uniform(num_columns, _NUM_BINS, self.dim)

    def fit(self, numbers: Tensor) -> None:
        """Set the edges of the bins to quantiles of the numbers ``(N, M)`` of the training rows."""
        ranks = torch.linspace(0, len(numbers) - 1, _NUM_BINS + 1, dtype=torch.float64).round().long()
        self.edges.copy_(numbers.sort(dim=0).values[ranks.to(numbers.device)].T)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the embeddings of numbers."""
        widths = self.edges.diff(dim=1)
        slopes = torch.where(widths > 0, 1 / widths, 0.0).unsqueeze(1)  # (M, 1, B)
        fractions = (numbers.mT.unsqueeze(-1) - self.edges[:, :-1].unsqueeze(1)) * slopes  # (M, N, B)
        return _flatten(fractions.clamp(0, 1) @ self.weight)


class CategoryEmbedding(nn.Module):
    """Learned embeddings of category codes.

    The embedding of a feature with n categories has ``1.6 n^0.56`` dimensions, at most 50 (the rule of
    fastai), and is initialized with standard deviation 0.1.

    Args:
        num_categories: number of categories of each feature.

    Shape:
        - Input: codes ``(N, F)`` of any dtype.
        - Output: ``(..., N, D)``, the embeddings of all features.

    Examples:
        >>> CategoryEmbedding([100, 40])(torch.tensor([[99.0, 0.0]])).shape
        torch.Size([1, 34])
    """

    def __init__(self, num_categories: Sequence[int]) -> None:
        super().__init__()
        self.dims = [min(50, round(1.6 * n**0.56)) for n in num_categories]
        self._max_categories = max(num_categories, default=0)
        tables = list(map(nn.Embedding, num_categories, self.dims))
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)
        self.tables = nn.ModuleList(tables)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the embeddings of codes.

        Raises:
            UserError: the precision of the codes is too low for the number of categories.
        """
        _check_precision(codes, self._max_categories)
        weights = [cast(nn.Embedding, table).weight for table in self.tables]
        pairs = zip(weights, codes.long().unbind(-1), strict=True)
        return torch.cat([_look_up(weight, column) for weight, column in pairs], dim=-1)


def _check_precision(codes: Tensor, num_categories: int) -> None:
    """Raise UserError if the dtype of codes cannot represent all categories; codes on "meta" are ignored."""
    limit = 2 / torch.finfo(codes.dtype).eps if codes.is_floating_point() else math.inf
    if num_categories > limit and not codes.is_meta:
        raise UserError(
            f"a column has {num_categories:,} categories, but {codes.dtype} represents only "
            f"{limit:,.0f}; use --trainer.precision 32, or bf16-mixed"
        )


class FeatureEmbedding(Stackable):
    """Append embeddings of numbers to the features, and replace category codes by embeddings.

    With an embedding of numbers, numbers x are smoothly clipped to ``x / sqrt(1 + (x / 3)^2)`` first, so that
    outliers do not dominate.

    Args:
        in_features: number of features, F.
        numeric_columns: the numeric features.
        numeric_embedding: ``periodic``, ``piecewise`` or ``both``; None for no embedding of numbers.
        num_categories: number of categories of each of the last features, which are category codes.

    Shape:
        - Input: ``(N, F)``, or ``(K, N, F)`` with other rows for each member.
        - Output: ``(..., N, out_features)``.

    Examples:
        >>> embedding = FeatureEmbedding(3, [0, 1], "periodic", [100])
        >>> embedding(torch.zeros(5, 3)).shape == (5, embedding.out_features)
        True
    """

    numeric_columns: Tensor

    def __init__(
        self,
        in_features: int,
        numeric_columns: Sequence[int] = (),
        numeric_embedding: NumericEmbedding | None = None,
        num_categories: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if numeric_embedding is not None:
            check_choice("numeric_embedding", numeric_embedding, get_args(NumericEmbedding))
        size = len(numeric_columns) if numeric_embedding else 0
        self.register_buffer("numeric_columns", torch.tensor(numeric_columns[:size], dtype=torch.long))
        classes = [PeriodicEmbedding, PiecewiseEmbedding] if size else []
        chosen = [cls for cls in classes if numeric_embedding in (cls.kind, "both")]
        self.numbers = nn.ModuleList(cls(size) for cls in chosen)
        self.categories = CategoryEmbedding(num_categories) if num_categories else None
        self._first_code = in_features - len(num_categories)
        codes = sum(self.categories.dims) if self.categories else 0
        self.out_features: int = self._first_code + size * sum(cls.dim for cls in chosen) + codes

    @property
    def embeds_features(self) -> bool:
        """Whether any feature is embedded."""
        return len(self.numbers) > 0 or self.categories is not None

    def fit(self, x: Tensor) -> None:
        """Fit the embeddings of numbers to the features ``(N, F)`` of the training rows."""
        numbers = _clip(x.index_select(1, self.numeric_columns))
        for embedding in cast(Iterable[NumberEmbedding], self.numbers):
            embedding.fit(numbers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features for the first layer of a network."""
        features, embeddings = x[..., : self._first_code], []
        if self.numbers:
            numbers = _clip(x.index_select(-1, self.numeric_columns))
            features = features.index_copy(-1, self.numeric_columns, numbers)
            embeddings = [embedding(numbers) for embedding in self.numbers]
        if self.categories is not None:
            embeddings.append(self.categories(x[..., self._first_code :]))
        return torch.cat([features.expand(*embeddings[0].shape[:-1], -1), *embeddings], dim=-1)


def _look_up(weight: Tensor, codes: Tensor) -> Tensor:
    """Return the rows ``(..., N, D)`` of a weight ``(..., n, D)`` for codes ``(N,)``, or ``(K, N)``."""
    if codes.ndim == 1:
        return weight.index_select(-2, codes)
    return weight.gather(1, codes.unsqueeze(-1).expand(-1, -1, weight.shape[-1]))


def _clip(numbers: Tensor) -> Tensor:
    return numbers / torch.sqrt(1 + (numbers / _LIMIT) ** 2)


def _flatten(functions: Tensor) -> Tensor:
    """Convert functions ``(..., M, N, D)`` to ``(..., N, M D)``."""
    return functions.transpose(-3, -2).flatten(-2)


def _uniform(*shape: int, fan_in: int | None = None) -> nn.Parameter:
    """Return a parameter that is initialized like those of ``nn.Linear``."""
    bound = 1 / math.sqrt(fan_in or shape[-2])
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
