"""Properties of TensorLoader for any size, batch size, seed and number of processes."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset, TensorDataset

from lit_classify import SeededDataLoader, TensorLoader, UserError

sizes = st.integers(1, 60)
batches = st.one_of(st.none(), st.integers(1, 70))
seeds = st.integers(0, 2**40)


def rows_of(loader: TensorLoader) -> list[list[int]]:
    return [batch[0].tolist() for batch in loader]


def loader(n: int, **options: object) -> TensorLoader:
    x = torch.arange(n)
    return TensorLoader((x, x * 2), **options)  # type: ignore[arg-type]  # options of TensorLoader


@given(n=sizes, batch=batches, seed=seeds, shuffle=st.booleans())
def test_every_row_occurs_once_and_tensors_stay_aligned(
    n: int, batch: int | None, seed: int, shuffle: bool
) -> None:
    tensor_loader = loader(n, batch_size=batch, shuffle=shuffle, seed=seed)
    loaded = list(tensor_loader)
    assert sorted(torch.cat([x for x, _ in loaded]).tolist()) == list(range(n))
    assert all(torch.equal(y, x * 2) for x, y in loaded)
    assert len(loaded) == len(tensor_loader)


@given(n=sizes, batch=batches, seed=seeds, epoch=st.integers(0, 10_000))
def test_the_order_depends_on_seed_and_epoch_only(n: int, batch: int | None, seed: int, epoch: int) -> None:
    used, unused = (loader(n, batch_size=batch, shuffle=True, seed=seed) for _ in range(2))
    torch.manual_seed(1)
    list(used)  # earlier epochs do not matter
    used.set_epoch(epoch)
    unused.set_epoch(epoch)
    rng_state = torch.get_rng_state()
    assert rows_of(used) == rows_of(unused)
    assert torch.equal(rng_state, torch.get_rng_state())


def test_other_epochs_and_seeds_give_other_orders() -> None:
    orders = set()
    for seed in range(3):
        tensor_loader = loader(50, batch_size=7, shuffle=True, seed=seed)
        for epoch in range(3):
            tensor_loader.set_epoch(epoch)
            orders.add(str(rows_of(tensor_loader)))
    assert len(orders) == 9


@given(n=sizes, batch=st.integers(1, 70), shuffle=st.booleans())
def test_drop_last_keeps_full_batches_only(n: int, batch: int, shuffle: bool) -> None:
    if n < batch:
        with pytest.raises(UserError, match="drop_last leaves no batch"):
            loader(n, batch_size=batch, drop_last=True)
        return
    loaded = rows_of(loader(n, batch_size=batch, shuffle=shuffle, drop_last=True))
    assert [len(rows) for rows in loaded] == [batch] * (n // batch)


@given(n=sizes, batch=batches, ranks=st.integers(1, 5), seed=seeds, shuffle=st.booleans())
def test_training_ranks_divide_the_rows_into_equally_many_batches(
    n: int, batch: int | None, ranks: int, seed: int, shuffle: bool
) -> None:
    if n < ranks:
        with pytest.raises(UserError, match=f"at least {ranks} rows"):
            loader(n, batch_size=batch, rank=0, world_size=ranks)
        return
    shares = [
        rows_of(loader(n, batch_size=batch, shuffle=shuffle, seed=seed, rank=rank, world_size=ranks))
        for rank in range(ranks)
    ]
    assert len({len(share) for share in shares}) == 1
    assert all(rows for share in shares for rows in share)
    assert sorted(row for share in shares for rows in share for row in rows) == list(range(n))


@given(n=sizes, batch=batches, ranks=st.integers(1, 5))
def test_evaluation_ranks_cover_every_row_once(n: int, batch: int | None, ranks: int) -> None:
    shares = [
        rows_of(loader(n, batch_size=batch, rank=rank, world_size=ranks, even=False)) for rank in range(ranks)
    ]
    assert sorted(row for share in shares for rows in share for row in rows) == list(range(n))


@given(n=sizes, batch=st.integers(1, 70), seed=seeds, data=st.data())
def test_a_loaded_state_continues_after_the_last_batch(
    n: int, batch: int, seed: int, data: st.DataObject
) -> None:
    uninterrupted = loader(n, batch_size=batch, shuffle=True, seed=seed)
    uninterrupted.set_epoch(3)
    expected = rows_of(uninterrupted)
    stop = data.draw(st.integers(0, len(expected)))
    stopped = loader(n, batch_size=batch, shuffle=True, seed=seed)
    stopped.set_epoch(3)
    for _, _batch in zip(range(stop), stopped, strict=False):
        pass
    resumed = loader(n, batch_size=batch, shuffle=True, seed=seed)
    resumed.load_state_dict(stopped.state_dict())
    assert rows_of(resumed) == (expected[stop:] if stop < len(expected) else expected)
    assert rows_of(resumed) == expected


def test_a_full_batch_is_the_tensor_without_a_copy() -> None:
    x = torch.rand(10, 3)
    ((loaded,),) = TensorLoader((x,), shuffle=True)
    assert loaded is x


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, but is 0"),
        ({"rank": 2, "world_size": 2}, r"rank must be in 0\.\.1, but is 2"),
    ],
)
def test_invalid_sizes_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        loader(5, **options)


def test_tensors_of_different_lengths_are_refused() -> None:
    with pytest.raises(UserError, match=r"have \[3, 4\]"):
        TensorLoader((torch.rand(3), torch.rand(4)))


@given(n=st.integers(2, 50), batch=st.integers(1, 20), seed=seeds, drop=st.booleans(), data=st.data())
def test_batches_of_a_dataset_equal_those_of_tensors(
    n: int, batch: int, seed: int, drop: bool, data: st.DataObject
) -> None:
    batch = min(batch, n - 1)  # a batch of all rows is not shuffled
    loader_of_tensors = loader(n, batch_size=batch, shuffle=True, seed=seed, drop_last=drop)
    dataset = TensorDataset(torch.arange(n))
    loader_of_dataset = SeededDataLoader(dataset, batch_size=batch, shuffle=True, seed=seed, drop_last=drop)
    loader_of_tensors.set_epoch(2)
    loader_of_dataset.set_epoch(2)
    expected = rows_of(loader_of_tensors)
    rng_state = torch.get_rng_state()
    assert [rows.tolist() for (rows,) in loader_of_dataset] == expected
    assert torch.equal(rng_state, torch.get_rng_state())
    assert len(loader_of_dataset) == len(expected)
    position = data.draw(st.integers(0, len(expected) - 1))
    loader_of_dataset.load_state_dict({"epoch": 2, "position": position})
    assert [rows.tolist() for (rows,) in loader_of_dataset] == expected[position:]
    assert loader_of_dataset.state_dict() == {"epoch": 2, "position": 0}


@given(n=sizes, batch=st.integers(1, 20), ranks=st.integers(1, 4), seed=seeds, shuffle=st.booleans())
def test_processes_divide_the_rows_of_a_dataset_into_equally_many_batches(
    n: int, batch: int, ranks: int, seed: int, shuffle: bool
) -> None:
    dataset_loader = SeededDataLoader(
        TensorDataset(torch.arange(n)), batch_size=batch, shuffle=shuffle, seed=seed
    )
    with pytest.MonkeyPatch.context() as patch:
        shares = []
        for rank in range(ranks):
            patch.setattr("lit_classify.data.loaders._processes", lambda rank=rank: (rank, ranks))
            if n < ranks:
                with pytest.raises(UserError, match=f"at least {ranks} rows"):
                    len(dataset_loader)
                return
            shares.append([rows.tolist() for (rows,) in dataset_loader])
            assert len(dataset_loader) == len(shares[-1])
    assert len({len(share) for share in shares}) == 1
    assert sorted(row for share in shares for rows in share for row in rows) == list(range(n))


class Noise(Dataset[tuple[float, ...]]):
    """A dataset that draws random numbers of torch, Python and NumPy for each row."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, row: int) -> tuple[float, ...]:
        return float(row), float(torch.rand(())), random.random(), float(np.random.rand())


@pytest.mark.reliability(45)
def test_random_numbers_of_workers_are_the_same_in_a_resumed_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def numbers(seed: int, epoch: int, position: int = 0, rank: int = 0) -> list[list[float]]:
        monkeypatch.setattr("lit_classify.data.loaders._processes", lambda: (rank, 2))
        dataset_loader = SeededDataLoader(Noise(), batch_size=3, shuffle=True, seed=seed, num_workers=2)
        dataset_loader.load_state_dict({"epoch": epoch, "position": position})
        return [[float(number) for column in batch for number in column] for batch in dataset_loader]

    batches = numbers(1, 2)
    assert numbers(1, 2, 3) == batches[3:]
    runs = [batches, numbers(2, 2), numbers(1, 3), numbers(1, 2, rank=1)]
    drawn = [number for run in runs for batch in run for number in batch if 0 < number < 1]
    assert len(set(drawn)) == len(drawn) == 4 * 10 * 3


@pytest.mark.parametrize("tensors", [torch.ones(3, 2), [np.ones(3)], [[1, 2], [3, 4]], [torch.tensor(3.0)]])
def test_a_tensor_loader_takes_a_list_of_tensors(tensors: Any) -> None:
    with pytest.raises(UserError, match=r"takes a list of tensors with rows, such as \[x, y\]"):
        TensorLoader(tensors)


@pytest.mark.parametrize(
    ("dataset", "batch_size", "message"),
    [
        (iter([1, 2]), 1, "rows by number .*, unlike this list_iterator"),
        (None, 1, "unlike this NoneType"),
        ([1, 2], 1.5, "batch_size must be an integer, but is 1.5"),
    ],
)
def test_a_seeded_loader_takes_a_dataset_with_a_length(dataset: Any, batch_size: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SeededDataLoader(dataset, batch_size)
