"""Positions of rows in shards, and the order of an epoch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_classify.data.loaders import TensorLoader
from lit_classify.data.table.streaming.shards import Layout, ShardLoader, ShardOrder


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 5))
def test_each_row_has_its_own_position_and_shards_are_of_even_size(
    num_rows: int, shards: int, seed: int
) -> None:
    layout = Layout(num_rows, min(shards, num_rows), seed)
    assert sorted(layout.positions(np.arange(num_rows)).tolist()) == list(range(num_rows))
    sizes = np.diff(layout.starts)
    assert sizes.max() - sizes.min() <= 1


def test_consecutive_rows_are_in_different_shards_in_varying_order() -> None:
    layout = Layout(1000, 10, seed=0)
    shards = np.searchsorted(layout.starts, layout.positions(np.arange(1000)), side="right") - 1
    assert all(len(set(shards[start : start + 10].tolist())) == 10 for start in range(0, 1000, 10))
    assert len({tuple(shards[start : start + 10].tolist()) for start in range(0, 1000, 10)}) == 10


@given(st.integers(1, 200), st.integers(1, 30), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_every_row_occurs_once_in_an_epoch(
    num_rows: int, shards: int, batch_size: int, world_size: int, shuffle: bool
) -> None:
    rows = max(num_rows, world_size)
    layout = Layout(rows, min(shards, rows), seed=0)
    batches = [
        batch
        for rank in range(world_size)
        for (batch,) in ShardLoader(
            [torch.arange(rows)], layout, batch_size, shuffle, seed=1, rank=rank, world_size=world_size
        )
    ]
    assert sorted(torch.cat(batches).tolist()) == list(range(rows))


def test_several_processes_take_the_same_steps_as_one_with_larger_batches() -> None:
    layout = Layout(1000, 25, seed=0)
    one = [set(rows.tolist()) for (rows,) in ShardLoader([torch.arange(1000)], layout, 60, True)]
    ranks = [
        [rows for (rows,) in ShardLoader([torch.arange(1000)], layout, 20, True, rank=rank, world_size=3)]
        for rank in range(3)
    ]
    assert [set(torch.cat(step).tolist()) for step in zip(*ranks, strict=True)] == one


def test_a_single_shard_has_the_order_of_a_table_in_memory() -> None:
    loader = ShardLoader([torch.arange(100)], Layout(100, 1, seed=0), 7, True, seed=3)
    expected = TensorLoader([torch.arange(100)], 7, True, seed=3)
    for epoch in range(2):
        loader.set_epoch(epoch)
        expected.set_epoch(epoch)
        assert all(torch.equal(a, b) for (a,), (b,) in zip(loader, expected, strict=True))


@pytest.mark.parametrize("position", [0, 1, 17, 30])
def test_an_epoch_resumes_at_any_step_from_two_integers(position: int) -> None:
    layout = Layout(1000, 25, seed=0)
    whole = ShardLoader([torch.arange(1000)], layout, 30, True)
    whole.set_epoch(5)
    resumed = ShardLoader([torch.arange(1000)], layout, 30, True)
    resumed.load_state_dict({"epoch": 5, "position": position})
    expected = [rows.tolist() for (rows,) in whole][position:]
    assert [rows.tolist() for (rows,) in resumed] == expected


def test_epochs_differ_and_only_a_few_shards_are_permuted_at_a_time() -> None:
    starts = Layout(10_000, 100, seed=0).starts
    orders = [ShardOrder(starts, seed=0, epoch=epoch) for epoch in range(2)]
    rows = [order[0:10_000] for order in orders]
    assert not torch.equal(*rows)
    assert len(orders[0]._rows) < 1000
    mixed = torch.unique(torch.from_numpy(np.searchsorted(starts, rows[0][:100].numpy(), side="right")))
    assert len(mixed) == 8


def test_batches_for_a_gpu_are_in_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 100)
    loader = ShardLoader([torch.arange(5), torch.arange(5)], Layout(5, 2, seed=0), batch_size=2, pin=True)
    batches = [[tensor.tolist() for tensor in batch] for batch in loader]
    assert batches == [[[100, 101]] * 2, [[102, 103]] * 2, [[104]] * 2]
