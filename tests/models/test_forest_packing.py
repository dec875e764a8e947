"""Any forest at all, packed, against the slow evaluator: made-up trees of every shape, many models together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from forest_oracle import agree_everywhere, slow_nano, ties
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.models.forest import CannotPack, Forest, Grove
from dandelion.models.forest.forest import FEW
from dandelion.models.forest.grove import Tree, floor32, outside, planted
from dandelion.models.forest.kernel import LEAVES_MAX, SEGMENTS, TREES


def made_up_tree(random, leaves: int, columns: int, output: int, sets: float, chain: bool) -> Tree:
    """Grown by splitting a random leaf (or always the last: a chain)."""
    left, right, free = [], [], [~0]
    for node in range(leaves - 1):
        at = len(free) - 1 if chain else int(random.integers(len(free)))
        old = free.pop(at)
        for side in (left, right):  # point the parent at the new split
            for k, child in enumerate(side):
                if child == old:
                    side[k] = node
        left.append(old)
        right.append(~(node + 1))
        free += [old, ~(node + 1)]
    nodes = leaves - 1
    cuts = np.round(random.normal(size=nodes), int(random.integers(0, 3))).astype(np.float32)
    cuts[random.random(nodes) < 0.05] = np.inf
    ranges = {}
    for node in np.flatnonzero(random.random(nodes) < sets):
        low = np.unique(np.round(random.normal(size=4), 1).astype(np.float32))
        some = tuple((float(a), float(np.float32(a + 0.05))) for a in low)
        ranges[int(node)] = outside(some) if random.random() < 0.5 else some
    return Tree(
        random.integers(0, columns, nodes), cuts, random.random(nodes) < 0.5, np.array(left, np.int64),
        np.array(right, np.int64), random.normal(0, 0.3, leaves), random.integers(1, 50, leaves), output, ranges,
    )  # fmt: skip


def made_up(seed: int, trees: int = 6, leaves: int = 31, columns: int = 4, outputs: int = 1, sets=0.2) -> Grove:
    random = np.random.default_rng(seed)
    grown = [
        made_up_tree(random, int(random.integers(1, leaves + 1)), columns, k % outputs, sets, random.random() < 0.3)
        for k in range(trees)
    ]
    return planted(grown, columns, random.normal(size=outputs))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([1, 2, 8, 9, 31, 33, 64, 65, LEAVES_MAX, 300]),
    st.integers(1, 5), st.integers(1, 3), st.sampled_from([0.0, 0.3]),
)  # fmt: skip
def test_any_forest_scores_as_the_slow_evaluator_says(seed, trees, leaves, columns, outputs, sets):
    grove = made_up(seed, trees, leaves, columns, outputs, sets)
    agree_everywhere(grove, ties(grove, 40, seed))


@pytest.mark.parametrize("cuts", [253, 254, 255, 700, 40_000])
def test_columns_with_more_cuts_than_a_byte_or_two_bytes_hold(cuts):
    random = np.random.default_rng(cuts)
    points = np.sort(random.normal(size=cuts)).astype(np.float32)
    one = np.zeros(1, np.int64)
    trees = [
        Tree(
            one,
            points[k : k + 1],
            one > k % 2,
            np.array([~0]),
            np.array([~1]),
            np.array([0.0, 1.0]),
            one.repeat(2),
            0,
            {},
        )
        for k in range(cuts)
    ]
    grove = planted(trees, 1, [0.0])
    x = np.concatenate([points[:: max(1, cuts // 150)], [np.nan, np.inf, -np.inf]]).astype(np.float32)
    x = np.unique(np.concatenate([x, np.nextafter(x, np.float32(np.inf))]))[:, None]
    expected = np.where(np.isnan(x[:, 0]), cuts, np.searchsorted(np.unique(points), x[:, 0]))
    forest = Forest.pack([grove])
    if len(np.unique(points)) == cuts:
        assert (forest.nano(x)[:, 0] == expected * 10**9).all()
    assert (np.concatenate([forest.nano(x[k : k + 1]) for k in range(0, len(x), 7)]) == forest.nano(x)[::7]).all()


def test_many_models_together_score_as_each_alone_and_in_their_order():
    groves = [made_up(seed, 5, 40, 7, 1 + seed % 3) for seed in range(30)]
    forest = Forest.pack(groves, 9)
    values = np.concatenate([ties(g, 12, 1) for g in groves])
    values = np.concatenate([values, np.full((len(values), 2), np.nan, np.float32)], axis=1)
    together = forest.nano(values)
    for k, grove in enumerate(groves):
        assert (together[:, forest.slices[k]] == Forest.pack([grove], 9).nano(values)).all()
    assert forest.outputs == sum(g.outputs for g in groves) and forest.trees == 150


def test_models_too_wide_for_one_table_of_small_ranks_are_split_into_groups():
    groves = [made_up(seed, 40, 31, 500, 1, 0.05) for seed in range(14)]
    forest = Forest.pack(groves)
    assert len(forest._tile.group_tree) > 2
    values = ties(groves[3], 90, 3)
    assert (forest.nano(values)[:, 3] == slow_nano(groves[3], values)[:, 0]).all()
    assert (forest.nano(values[:5]) == forest.nano(values)[:5]).all()


@pytest.mark.parametrize("rows", [0, 1, FEW, FEW + 1, 127, 128, 129, 511, 512, 513, 600])
def test_any_number_of_rows(rows):
    grove = made_up(9)
    values = ties(grove, 600, 9)
    whole = Forest.pack([grove]).nano(values)
    assert (Forest.pack([grove]).nano(values[:rows]) == whole[:rows]).all()
    assert (Forest.pack([grove]).nano(np.asfortranarray(values)[:rows]) == whole[:rows]).all()


def test_few_rows_meet_a_plan_of_many_parts_as_the_slow_evaluator_says():
    groves = [made_up(seed, trees=90, leaves=9, columns=40) for seed in range(7)]
    forest = Forest.pack(groves)
    assert len(forest._row.output) > 2 * TREES and len(forest._row.segment_feature) > 2 * SEGMENTS
    values = ties(groves[2], FEW, 2)
    for rows in (1, 2, FEW):
        assert (forest.nano(values[:rows])[:, 2] == slow_nano(groves[2], values[:rows])[:, 0]).all()


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e4])
def test_leaves_beyond_32_bits_keep_every_digit(scale):
    grove = made_up(11, trees=5)
    large = replace(grove, leaf_nano=(grove.leaf_nano * scale).astype(np.int64) + 1)
    assert Forest.pack([large])._row.leaf.dtype == (np.int32 if scale == 1.0 else np.int64)
    agree_everywhere(large, ties(large, 40, 11))


def test_threads_share_a_forest():
    grove = made_up(10, trees=60)
    forest, values = Forest.pack([grove]), ties(grove, 900, 10)
    whole = forest.nano(values)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda k: forest.nano(values[k::7]), range(7)))
    assert all((answer == whole[k::7]).all() for k, answer in enumerate(answers))


def test_every_pack_has_arrays_of_the_same_types_so_that_nothing_is_compiled_again():
    kinds = {
        tuple(part.dtype.str for plan in (f._cuts, f._tile, f._row, f._walk) for part in plan)
        for f in (
            Forest.pack([made_up(1)]), Forest.pack([made_up(2, 1, 1)]), Forest.pack([made_up(3, 3, 300, sets=0)]),
            Forest.pack([made_up(4, 3, 300, sets=1)]),
        )
    }  # fmt: skip
    assert len(kinds) == 1


def test_a_grove_survives_json_and_its_bytes_hold_no_float():
    grove = made_up(11, 9, 40, 5, 2)
    plain = grove.as_json()
    again = Grove.from_json(plain)
    values = ties(grove, 50, 11)
    assert again.as_json() == plain and (slow_nano(again, values) == slow_nano(grove, values)).all()

    def floats(x):
        return isinstance(x, float) or (
            isinstance(x, dict | list) and any(map(floats, x.values() if isinstance(x, dict) else x))
        )

    assert not floats(plain)


def test_what_does_not_fit_is_refused_with_the_reason():
    grove = made_up(12, columns=4)
    with pytest.raises(BadInput, match="at least one model"):
        Forest.pack([])
    with pytest.raises(BadInput, match=r"reads 4 columns, but the table has 3"):
        Forest.pack([grove], 3)
    with pytest.raises(BadInput, match="give float32 rows of 4 columns"):
        Forest.pack([grove]).nano(np.zeros((2, 4)))
    one = np.zeros(1, np.int64)
    huge = Tree(
        one,
        np.zeros(1, np.float32),
        one > 0,
        np.array([~0]),
        np.array([~1]),
        np.array([1.0, 9e9]),
        one.repeat(2),
        0,
        {},
    )
    with pytest.raises(CannotPack, match="scale the target down"):
        planted([huge], 1, [0.0])
    broken = Tree(
        one, np.zeros(1, np.float32), one > 0, np.array([~0]), np.array([~0]), np.array([1.0, 2]), one.repeat(2), 0, {}
    )
    with pytest.raises(BadInput, match="without a parent or with two"):
        planted([broken], 1, [0.0])


def test_a_double_threshold_rounded_down_decides_every_float32_alike():
    random = np.random.default_rng(0)
    cuts = np.concatenate([random.normal(size=200), [1e300, -1e300, 3.5e38, -3.5e38, 0.1, 1e-46, -1e-46, np.inf]])
    with np.errstate(over="ignore"):
        near = cuts.astype(np.float32)
    for x in (near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))):
        assert ((x.astype(np.float64) <= cuts) == (x <= floor32(cuts))).all()
