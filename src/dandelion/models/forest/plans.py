"""The arrays that the kernels read.  Plain tuples of arrays, so that numba takes them as they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
F32 = npt.NDArray[np.float32]


class Cuts(NamedTuple):
    """Cut points of every column in use.  The rank of a value is how many of them lie below it; NaN is one past all.

    column (k,): its place in the caller's table; start (k + 1,) slices `value`, which rises strictly inside a column.
    """

    column: I32
    start: I64
    value: F32


class TilePlan(NamedTuple):
    """Many rows at once: which leaves each split rules out, a byte of leaves at a time.

    group_column, group_tree (groups + 1,): each group of outputs has its own table of small ranks.  column_feature,
    column_table (columns,): the feature and the offset in `table` that turns its rank into an int8.  entry_start
    (trees + 1,), entry_turn (trees,): entries before the turn rule out where `small rank > cut`, the rest where not.
    planes (trees,): bytes of leaves; leaf_start (trees,) into `leaf`; output (trees,) rises.
    """

    group_column: I64
    group_tree: I64
    column_feature: I32
    column_table: I64
    table: I8
    entry_start: I64
    entry_turn: I64
    entry_column: I32
    entry_cut: I8
    entry_plane: U8
    entry_mask: U8
    planes: U8
    leaf_start: I64
    output: I32
    leaf: I64


class RowPlan(NamedTuple):
    """Few rows: splits sorted by cut, so that only those that rule something out are touched.

    A segment holds splits on one feature that fire on the same side and alike for NaN, in the order in which they fire:
    for a rank r of its `segment_feature`, the first `fired[segment_fired + r]` of the entries from `segment_start`.  An
    entry is a word of leaves (high half) and the bits of it to rule out (low half).  choice_* (choices,): splits on sets,
    with the offset of their row in `choice_table` (1 where the value goes right) and which side fires.
    word_start (trees + 1,): 32 leaves a word.  leaf: int32 where all fit, which halves what has to be fetched.
    """

    segment_feature: I32
    segment_fired: I64
    segment_start: I64
    fired: I32
    entry: U64
    choice_feature: I32
    choice_at: I64
    choice_fires: U8
    choice_word: I32
    choice_mask: U32
    choice_table: U8
    word_start: I64
    leaf_start: I64
    output: I32
    leaf: I32 | I64


class WalkPlan(NamedTuple):
    """Trees too large for bits: walked split by split, over ranks.

    A value goes left when its rank is at most `rank`; NaN when `nan_left`; where `choice_at` is not -1, where the
    byte at that offset plus the rank in `choice_table` is 0.
    """

    root: I32
    output: I32
    feature: I32
    rank: I32
    nan_left: U8
    choice_at: I64
    left: I32
    right: I32
    leaf: I64
    choice_table: U8
