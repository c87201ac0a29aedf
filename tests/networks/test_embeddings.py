"""Embeddings of numbers and categories against direct computations."""

import math

import numpy as np
import pytest
import torch

from lit_classify.errors import UserError
from lit_classify.networks.embeddings import FeatureEmbedding, PeriodicEmbedding, PiecewiseEmbedding


def test_the_periodic_embedding_is_the_formula_of_pbld() -> None:
    embedding = PeriodicEmbedding(2)
    x = torch.randn(5, 2)
    expected = [
        torch.cos(2 * math.pi * x[:, [column]] * embedding.frequency[column] + embedding.phase[column])
        @ embedding.weight[column]
        + embedding.bias[column]
        for column in range(2)
    ]
    assert torch.allclose(embedding(x), torch.cat(expected, dim=1), atol=1e-6)


def test_the_piecewise_embedding_interpolates_between_quantiles() -> None:
    embedding = PiecewiseEmbedding(1)
    rows = torch.arange(65, dtype=torch.float32).unsqueeze(1) ** 2
    embedding.fit(rows)
    edges = embedding.edges[0].numpy()
    assert edges.tolist() == [float((2 * edge) ** 2) for edge in range(33)]
    heights = np.concatenate([[0.0], np.cumsum(embedding.weight[0, :, 0].detach().numpy())])
    values = np.array([-5.0, 0.0, 3.0, 17.0, 1000.0, 9999.0], dtype=np.float32)
    expected = np.interp(values, edges, heights)
    actual = embedding(torch.from_numpy(values).unsqueeze(1))[:, 0].detach().numpy()
    assert np.allclose(actual, expected, atol=1e-5)


def test_ties_leave_finite_outputs() -> None:
    embedding = FeatureEmbedding(2, [0, 1], "piecewise")
    x = torch.tensor([[0.0, 1.0]] * 50 + [[1.0, 1.0]])
    embedding.fit(x)
    assert bool(embedding(x).isfinite().all())


def test_numbers_are_clipped_smoothly_and_other_features_are_kept() -> None:
    embedding = FeatureEmbedding(3, [1], "periodic")
    outputs = embedding(torch.tensor([[100.0, 1e6, -7.0], [1.0, 4.0, 2.0]]))[:, :3]
    expected = torch.tensor([[100.0, 3.0, -7.0], [1.0, 4 / math.sqrt(1 + 16 / 9), 2.0]])
    assert torch.allclose(outputs, expected)


def test_category_codes_are_replaced_by_rows_of_their_tables() -> None:
    embedding = FeatureEmbedding(3, num_categories=[10, 20])
    outputs = embedding(torch.tensor([[0.5, 9.0, 3.0]]))
    assert embedding.categories is not None
    rows = [
        table.get_parameter("weight")[code]
        for table, code in zip(embedding.categories.tables, (9, 3), strict=True)
    ]
    assert torch.equal(outputs[0], torch.cat([torch.tensor([0.5]), *rows]))


def test_category_codes_that_a_precision_cannot_represent_are_refused() -> None:
    embedding = FeatureEmbedding(1, num_categories=[300]).bfloat16()
    with pytest.raises(UserError, match=r"has 300 categories, but torch\.bfloat16 represents only 256"):
        embedding(torch.zeros(2, 1).bfloat16())
