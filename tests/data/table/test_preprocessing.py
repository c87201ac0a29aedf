"""Preprocessing: imputation, scaling and encoding, fitted to the training rows."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.preprocessing import RobustScaler

from lit_classify import DataError
from lit_classify.data.table.encoders import Scaling
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.data.table.schema import Column, infer_schema
from lit_classify.errors import DataWarning
from tests.example_tables import rows_of


@pytest.mark.parametrize("cells", [[10**18, 3 * 10**18], [str(10**18), str(3 * 10**18)]])
def test_long_integers_that_are_declared_numeric_are_numbers(cells: list[int] | list[str]) -> None:
    values, columns = infer_schema(rows_of(n=cells), [], [], [], ["n"])
    assert columns[0].kind == "number"
    assert Preprocessor().fit(values, columns).cast_columns(rows_of(n=cells))["n"].to_list() == [1e18, 3e18]


@pytest.mark.reliability(21, 62)
@pytest.mark.parametrize("huge", [1e300, -1e300, 3.5e38])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_numbers_beyond_single_precision_are_missing_values_with_a_warning(
    huge: float, scaling: Scaling
) -> None:
    numbers = [1.0, 2.0, huge, 4.0]
    with pytest.warns(DataWarning, match=r"missing: 'n' has 1 such value, first .*e\+.* in t\.csv, row 3"):
        values, columns = infer_schema(rows_of(n=numbers), [], [], [], [])
    assert columns[0].missing == 1
    fitted = Preprocessor(scaling).fit(values, columns)
    with pytest.warns(DataWarning, match="'n' has 1 such value, first"):
        x = fitted.transform(fitted.cast_columns(rows_of(n=numbers)))
    assert np.isfinite(x).all()
    assert x[2].tolist() == pytest.approx(
        [(fitted.encoders[0].median - fitted.encoders[0].center) / fitted.encoders[0].scale, 1]
    )


@pytest.mark.reliability(62)
@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
@pytest.mark.parametrize("size", [1e-300, 1e-42, 1e-20, 1.0, 1e37])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_features_and_their_squares_are_finite(
    size: float, dtype: type[pl.DataType], scaling: Scaling
) -> None:
    train = pl.Series("n", [1.0, 2.0, 3.0, 4.0]).cast(pl.Float64) * size
    values, columns = infer_schema(rows_of(n=train.cast(dtype)), [], [], [], [])
    if not columns[0].is_used:  # too small for single precision: all zeros
        return
    fitted = Preprocessor(scaling).fit(values, columns)
    new = rows_of(n=pl.Series([3e38, -3e38, 1e-45, 0.0, None], dtype=dtype))
    x = fitted.transform(fitted.cast_columns(new))
    assert np.isfinite(x).all()
    assert np.isfinite(x * x).all()


@pytest.mark.reliability(21)
def test_numbers_are_scaled_and_imputed_and_categories_one_hot_encoded() -> None:
    train = rows_of(n=["1", "3", "", "5"], c=["b", "a", "b", ""])
    values, columns = infer_schema(train, [], [], [], [])
    fitted = Preprocessor().fit(values, columns)
    new = rows_of(extra=["z"] * 3, c=["a", "new", ""], n=["3", "inf", "7"])
    with pytest.warns(
        DataWarning, match=r"'c' has 1 value not seen in training, first 'new' in t.csv, row 2"
    ):
        x = fitted.transform(fitted.cast_columns(new))
    scale = np.std([1, 3, 5])
    # n, n is missing, c is missing, c is a, c is b
    expected = [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [4 / scale, 0, 1, 0, 0]]
    assert x.tolist() == [pytest.approx(row, rel=1e-6) for row in expected]
    with pytest.raises(DataError, match="'c' has 1 value not seen"):
        fitted.cast_columns(new, handle_unknown="error")


def test_robust_scaling_equals_scikit_learn() -> None:
    numbers = np.random.default_rng(0).normal(size=200) ** 3
    values, columns = infer_schema(rows_of(n=numbers), [], [], [], [])
    x = Preprocessor("robust").fit(values, columns).transform(values)
    np.testing.assert_allclose(x, RobustScaler().fit_transform(numbers[:, None]), rtol=1e-5, atol=1e-6)


def test_many_categories_are_encoded_for_an_embedding_and_rare_ones_as_unseen() -> None:
    names = [f"c{number:02}" for number in range(40) for _ in range(6)] + ["rare"] * 2
    values, columns = infer_schema(rows_of(c=names, n=range(len(names))), [], [], [], [])
    fitted = Preprocessor().fit(values, columns)
    assert [encoder.name for encoder in fitted.encoders] == ["n", "c"]  # embedded ones come last
    assert fitted.encoders[1].embedded
    with pytest.warns(DataWarning, match="has 1 value not seen in training, first 'new'"):
        frame = fitted.cast_columns(rows_of(c=["c00", "c39", "rare", "new", None], n=[0.0] * 5))
    assert fitted.transform(frame)[:, 1].tolist() == [2, 41, 0, 0, 1]


@pytest.mark.parametrize(("num_categories", "num_features"), [(32, 33), (33, 1)])  # one for missing values
def test_more_than_32_categories_are_embedded(num_categories: int, num_features: int) -> None:
    names = [f"c{number}" for number in range(num_categories) for _ in range(10)]
    values, columns = infer_schema(rows_of(c=names), [], [], [], [])
    assert Preprocessor().fit(values, columns).transform(values).shape[1] == num_features


@pytest.mark.reliability(22)
def test_a_column_that_is_constant_in_the_training_rows_becomes_zero() -> None:
    values, columns = infer_schema(rows_of(n=[7.0, 7.0, 7.0, 9.0]), [], [], [], [])
    x = Preprocessor().fit(values, columns, np.arange(3, dtype=np.int32)).transform(values)
    assert x[:3].tolist() == [[0.0]] * 3
    assert np.isfinite(x).all()


def test_features_are_in_the_order_of_the_splits() -> None:
    values, columns = infer_schema(rows_of(n=np.arange(100_000.0)), [], [], [], [])
    order = np.random.default_rng(0).permutation(100_000).astype(np.int32)
    fitted = Preprocessor().fit(values, columns, order)
    x = fitted.transform(values, [order[:70_000], order[70_000:]])
    np.testing.assert_array_equal(x, fitted.transform(values)[order])


@pytest.mark.reliability(28)
def test_all_changes_of_columns_since_training_are_listed() -> None:
    train = rows_of(
        n=[1.0, 2.0, 3.0, 4.0], c=["a", "b", "a", "b"], gone=[1.0, 2.0, 3.0, 5.0], yes=["yes", "no"] * 2
    )
    values, columns = infer_schema(train, [], [], [], [])
    new = rows_of(n=["1", "old"], c=["1", "2"], yes=["yes", "maybe"], extra=[1, 2])
    with pytest.raises(DataError) as raised:
        Preprocessor().fit(values, columns).cast_columns(new)
    messages = str(raised.value).splitlines()
    assert messages[0] == "t.csv lacks gone; it has, not expected, extra"
    assert "row 2, column 'n': 'old' is not a number" in messages[1]
    assert "row 1, column 'c': '1' is a number, but training had text" in messages[2]
    assert "row 2, column 'yes': 'maybe' is neither yes nor no, as it was in training" in messages[3]


def test_forward_equals_transform_for_numbers_and_codes() -> None:
    columns = {"n": [1.0, None, 3.5, 1e9], "c": ["a", "b", None, "a"], "b": ["yes", "no", "no", None]}
    values, schema = infer_schema(rows_of(**columns), [], [], [], [])
    fitted = Preprocessor.from_dict(Preprocessor().fit(values, schema).to_dict())
    nan = float("nan")
    codes = [[1.0, 2, 1], [nan, 3, 0], [3.5, 1, 0], [1e9, 2, nan]]
    x = fitted(torch.tensor(codes, dtype=torch.float64))
    np.testing.assert_array_equal(x, fitted.transform(values))
    codes[1][0] = float("inf")  # missing, too
    np.testing.assert_array_equal(fitted(torch.tensor(codes, dtype=torch.float64)), x)


def test_the_fitted_state_is_plain_data() -> None:
    values, schema = infer_schema(rows_of(n=[1.0, None, 3.0], c=["a", "b", "a"]), [], [], [], [])
    state = Preprocessor().fit(values, schema).to_dict()
    assert json.loads(json.dumps(state)) == state


def test_permuting_a_column_permutes_its_features() -> None:
    table = rows_of(
        code=[f"c{n % 40}" for n in range(400)],  # embedded, so its feature is the last
        size=[float(n % 17) if n % 5 else None for n in range(400)],
        color=["red", "blue", None, "green"] * 100,
        flag=[True, False] * 200,
    )
    values, columns = infer_schema(table, [], [], [], [])
    fitted = Preprocessor().fit(values, columns)
    assert fitted.column_features == {"size": [0, 1], "color": [2, 3, 4, 5], "flag": [6], "code": [7]}
    x = fitted.transform(values)
    order = np.random.default_rng(0).permutation(400)
    for name, features in fitted.column_features.items():
        permuted = fitted.transform(values.with_columns(values[name].gather(order)))
        expected = x.copy()
        expected[:, features] = x[order][:, features]
        assert np.array_equal(permuted, expected)


def test_a_new_number_among_categories_that_look_like_numbers_is_unseen() -> None:
    frame = pl.DataFrame({"ticket": ["113803", "A/5 21171"] * 3})
    fitted = Preprocessor().fit(frame, [Column("ticket", "category", 0, 2)])
    with pytest.warns(DataWarning, match="1 value not seen in training, first '5'"):
        assert fitted.cast_columns(rows_of(ticket=pl.Series(["5"]))).rows() == [("5",)]
