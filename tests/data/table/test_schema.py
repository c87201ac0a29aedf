"""What columns are, and how they become features."""

import numpy as np
import polars as pl
import pytest
from sklearn.preprocessing import RobustScaler

from lit_classify import DataError
from lit_classify.data.table.encoding import Scaling, encode, learn
from lit_classify.data.table.learned import conform
from lit_classify.data.table.schema import typed, understand
from lit_classify.errors import DataWarning
from tests.example_tables import rows_of

ALL = np.arange(4, dtype=np.int32)


@pytest.mark.reliability(21)
def test_kinds_are_found_and_gaps_counted() -> None:
    table = rows_of(
        number=[" 1", "2.5", "nan", "", "1e3"] * 10,
        word=["a", "b", "?", "a", None] * 10,
        yes=["yes", "No", "", "yes", "no"] * 10,
        same=["x"] * 50,
        gone=[None] * 50,
        name=[f"name {number}" for number in range(50)],
        unwanted=["u", "v"] * 25,
        code=["1", "2"] * 25,
    )
    _, columns = understand(table, [], ["unwanted"], ["code"], [])
    found = {column.name: (column.kind, column.missing, column.use) for column in columns}
    assert found["number"] == ("number", 20, "used")
    assert found["word"] == ("category", 20, "used")
    assert found["yes"] == ("boolean", 10, "used")
    assert found["code"] == ("category", 0, "used")
    assert found["same"][2] == "dropped: constant"
    assert found["gone"][2] == "dropped: all missing"
    assert found["name"][2] == "dropped: unique values (looks like an ID)"
    assert found["unwanted"][2] == "dropped: listed in ignore"
    _, columns = understand(table, ["yes"], [], [], [])
    assert [column.name for column in columns if column.is_used] == ["yes"]


@pytest.mark.reliability(21)
def test_a_word_among_numbers_is_an_error_with_its_row() -> None:
    cells = [str(number) for number in range(1000)]
    cells[900] = "oops"
    with pytest.raises(DataError, match=r"row 901, column 'x': 'oops' is no number, but 999 of 1,000"):
        typed(pl.Series("x", cells), None, lambda row: f"row {row + 1}")
    assert typed(pl.Series("x", cells), "category")[1] == "category"


def test_columns_of_parquet_are_understood_or_refused() -> None:
    days = pl.Series("d", ["2024-01-01", "2024-01-03"]).str.to_date()
    for series in (days, days.cast(pl.Datetime("ns")), days.cast(pl.Datetime("ms"))):
        assert typed(series)[0].diff().to_list() == [None, 2 * 86_400.0]
    assert typed(pl.Series("p", ["1.25", "2.5"]).cast(pl.Decimal(12, 2)))[0].to_list() == [1.25, 2.5]
    assert typed(pl.Series("long", [2**53, 2**53 + 1]))[0].to_list() == [str(2**53), str(2**53 + 1)]
    assert typed(pl.Series("long", [str(2**53), str(2**53 + 1)]))[1] == "category"
    assert typed(pl.Series("f", [1.0, 1.5, None]), "category")[0].to_list() == ["1", "1.5", None]
    assert typed(pl.Series("b", [True, None]))[0].to_list() == [1.0, None]
    assert typed(pl.Series("c", ["x", "y"], dtype=pl.Categorical))[1] == "category"
    assert typed(pl.Series("n", [float("inf"), 1.0]))[0].to_list() == [None, 1.0]
    with pytest.raises(DataError, match="holds List"):
        typed(pl.Series("l", [[1], [2]]))


def test_whole_numbers_that_floats_do_not_tell_apart_are_names() -> None:
    for dtype in (pl.Decimal(38, 0), pl.Int128):
        numbers = pl.Series("n", [10**29, 10**29 + 1, None]).cast(dtype)
        assert typed(numbers)[0].to_list() == [str(10**29), str(10**29 + 1), None]
    assert typed(pl.Series("n", [2**64 - 1, 2**64 - 2], dtype=pl.UInt64))[1] == "category"
    assert typed(pl.Series("n", [-(2**63), 5]))[0].to_list() == [str(-(2**63)), "5"]
    assert typed(pl.Series("n", [2**53 - 1, 1 - 2**53]))[1] == "number"
    assert typed(pl.Series("n", [str(2**53 - 1), "0123", "00"]))[0].to_list() == [2.0**53 - 1, 123.0, 0.0]


@pytest.mark.parametrize("cells", [[10**18, 3 * 10**18], [str(10**18), str(3 * 10**18)]])
def test_long_whole_numbers_that_are_declared_numeric_are_numbers(cells: list[int] | list[str]) -> None:
    values, columns = understand(rows_of(n=cells), [], [], [], ["n"])
    assert columns[0].kind == "number"
    assert conform(rows_of(n=cells), learn(values, ALL[:2], columns))["n"].to_list() == [1e18, 3e18]


@pytest.mark.reliability(21, 62)
@pytest.mark.parametrize("huge", [1e300, -1e300, 3.5e38])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_numbers_beyond_single_precision_are_missing_and_noted(huge: float, scaling: Scaling) -> None:
    numbers = [1.0, 2.0, huge, 4.0]
    with pytest.warns(DataWarning, match=r"missing: 'n' has 1 such values, first .*e\+.* in t\.csv, row 3"):
        values, columns = understand(rows_of(n=numbers), [], [], [], [])
    assert columns[0].missing == 1
    encoders = learn(values, ALL, columns, scaling)
    with pytest.warns(DataWarning, match="'n' has 1 such values, first"):
        x = encode(conform(rows_of(n=numbers), encoders), encoders)
    assert np.isfinite(x).all()
    assert x[2].tolist() == pytest.approx([(encoders[0].median - encoders[0].center) / encoders[0].scale, 1])


@pytest.mark.reliability(62)
@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
@pytest.mark.parametrize("size", [1e-300, 1e-42, 1e-20, 1.0, 1e37])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_what_is_encoded_is_finite_and_so_is_its_square(
    size: float, dtype: type[pl.DataType], scaling: Scaling
) -> None:
    train = pl.Series("n", [1.0, 2.0, 3.0, 4.0]).cast(pl.Float64) * size
    values, columns = understand(rows_of(n=train.cast(dtype)), [], [], [], [])
    if not columns[0].is_used:  # too small for single precision: all zeros
        return
    encoders = learn(values, ALL, columns, scaling)
    new = rows_of(n=pl.Series([3e38, -3e38, 1e-45, 0.0, None], dtype=dtype))
    x = encode(conform(new, encoders), encoders)
    assert np.isfinite(x).all()
    assert np.isfinite(x * x).all()


@pytest.mark.reliability(21)
def test_features_are_standardised_filled_and_told_apart() -> None:
    train = rows_of(n=["1", "3", "", "5"], c=["b", "a", "b", ""])
    values, columns = understand(train, [], [], [], [])
    encoders = learn(values, ALL, columns)
    new = rows_of(extra=["z"] * 3, c=["a", "new", ""], n=["3", "inf", "7"])
    with pytest.warns(
        DataWarning, match=r"'c' has 1 values not seen in training, first 'new' in t.csv, row 2"
    ):
        x = encode(conform(new, encoders), encoders)
    scale = np.std([1, 3, 5])
    # n, n is missing, c is missing, c is a, c is b
    expected = [[0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [4 / scale, 0, 1, 0, 0]]
    assert x.tolist() == [pytest.approx(row, rel=1e-6) for row in expected]
    with pytest.raises(DataError, match="'c' has 1 values not seen"):
        conform(new, encoders, handle_unknown="error")


def test_robust_scaling_is_scikit_learn_s() -> None:
    numbers = np.random.default_rng(0).normal(size=200) ** 3
    values, columns = understand(rows_of(n=numbers), [], [], [], [])
    every = np.arange(200, dtype=np.int32)
    x = encode(values, learn(values, every, columns, "robust"))
    np.testing.assert_allclose(x, RobustScaler().fit_transform(numbers[:, None]), rtol=1e-5, atol=1e-6)


def test_many_categories_are_numbered_for_an_embedding_and_rare_ones_are_not_told_apart() -> None:
    names = [f"c{number:02}" for number in range(40) for _ in range(6)] + ["rare"] * 2
    values, columns = understand(rows_of(c=names, n=range(len(names))), [], [], [], [])
    encoders = learn(values, np.arange(len(names), dtype=np.int32), columns)
    assert [encoder.name for encoder in encoders] == ["n", "c"]  # embedded ones come last
    assert encoders[1].embedded
    with pytest.warns(DataWarning, match="has 1 values not seen in training, first 'new'"):
        frame = conform(rows_of(c=["c00", "c39", "rare", "new", None], n=[0.0] * 5), encoders)
    assert encode(frame, encoders)[:, 1].tolist() == [2, 41, 0, 0, 1]


@pytest.mark.reliability(22)
def test_a_constant_in_the_train_rows_becomes_zero() -> None:
    values, columns = understand(rows_of(n=[7.0, 7.0, 7.0, 9.0]), [], [], [], [])
    x = encode(values, learn(values, ALL[:3], columns))
    assert x[:3].tolist() == [[0.0]] * 3
    assert np.isfinite(x).all()


def test_rows_are_put_into_the_order_of_their_splits() -> None:
    values, columns = understand(rows_of(n=np.arange(100_000.0)), [], [], [], [])
    order = np.random.default_rng(0).permutation(100_000).astype(np.int32)
    encoders = learn(values, order, columns)
    x = encode(values, encoders, [order[:70_000], order[70_000:]])
    np.testing.assert_array_equal(x, encode(values, encoders)[order])


@pytest.mark.reliability(28)
def test_what_has_changed_since_training_is_listed_in_full() -> None:
    train = rows_of(
        n=[1.0, 2.0, 3.0, 4.0], c=["a", "b", "a", "b"], gone=[1.0, 2.0, 3.0, 5.0], yes=["yes", "no"] * 2
    )
    values, columns = understand(train, [], [], [], [])
    new = rows_of(n=["1", "old"], c=["1", "2"], yes=["yes", "maybe"], more=[1, 2])
    with pytest.raises(DataError) as told:
        conform(new, learn(values, ALL, columns))
    said = str(told.value).splitlines()
    assert said[0] == "t.csv lacks gone; it has, not expected, more"
    assert "row 2, column 'n': 'old' is no number" in said[1]
    assert "row 1, column 'c': '1' is a number, but training had names" in said[2]
    assert "row 2, column 'yes': 'maybe' is neither yes nor no, as it was in training" in said[3]


@pytest.mark.reliability(28)
def test_a_yes_or_no_column_takes_no_other_numbers() -> None:
    assert typed(pl.Series("f", ["1", "0"]), "boolean")[0].to_list() == [1.0, 0.0]
    with pytest.raises(DataError, match="7 is neither yes nor no"):
        typed(pl.Series("f", [1, 7]), "boolean")
