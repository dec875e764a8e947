"""Plain cells in one pass: the bytes of the plain evaluation for any choice of them, dense, in columns or in long form."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_oracle import Events
from plain_evaluation import plain
from test_indicators_kernel import ASKED, BILLED, HISTORIES, NOW, PAID, mine, tables
from test_indicators_write_frame import labels, lake

from dandelion.core import BadInput, Frame
from dandelion.indicators import Cube, Definitions, evaluate, groups, read_frame
from dandelion.indicators.batch import Batch
from dandelion.indicators.cells import Cells
from dandelion.indicators.lanes import turn_over
from dandelion.indicators.read_cells import read_cells
from dandelion.indicators.write_frame import write_frame

FIGURES = ("count", "sum", "mean", "min", "max", "deviation", "distinct")
PAYEE, SELLER = ("payment", "payee"), ("invoice", "seller")


@functools.cache
def wide() -> Definitions:
    return Definitions.of([
        Cube(PAID, ("36h", "7d", "30d", "ever"), FIGURES, by=("hours", "days", "channel", "size"), up_to=4),
        Cube(BILLED, ("7d", "90d"), FIGURES, ("total", "tax"), by=("sign",), up_to=1),
    ])  # fmt: skip


def of(stream: str, measure: str = "") -> list[str]:
    return [name for name in wide().columns if name.startswith(stream) and measure in name]


def work(names: list[str]) -> object:
    return Batch.of(wide(), names, {PAYEE, SELLER}, None, 1).work


@settings(max_examples=25, deadline=None)
@given(HISTORIES, ASKED, st.integers(0, 2**32), st.sampled_from([1, 20, 300]), st.booleans())
def test_any_plain_cells_have_the_bytes_of_the_plain_evaluation(
    events: Events, asked: list[tuple[str, int, int]], seed: int, size: int, billed: bool
) -> None:
    known = [n for n in of("my.billed") if "tax" not in n] if billed else of("my.paid")
    names = Random(seed).sample(known, min(size, len(known)))
    assert isinstance(work(names), Cells)
    subjects, as_of, known_at = (list(part) for part in zip(*asked, strict=True))
    frame = evaluate(wide(), tables(events), subjects, as_of, known_at, columns=names, workers=2)
    wanted, _ = plain(wide(), tables(events), subjects, as_of, known_at, names)
    differ = [name for j, name in enumerate(names) if frame.values[:, j].tobytes() != wanted[:, j].tobytes()]
    assert not differ


@pytest.mark.parametrize(("begin", "end"), [(0, 16), (0, 15), (3, 16), (7, 8)])
def test_rows_become_columns_wherever_they_begin_and_end(begin: int, end: int) -> None:
    corner = np.random.default_rng(12).random((16, 21), np.float32)
    out = np.zeros((21, 48), np.float32)
    turn_over(corner, begin, end, 17, out)
    wanted = np.zeros((21, 48), np.float32)
    wanted[:, 17 + begin : 17 + end] = corner[begin:end].T
    assert np.array_equal(out, wanted)


def test_other_columns_go_the_general_way() -> None:
    paid = of("my.paid")[:3]
    general = (
        [*paid, "my.paid/7d/active_days"],
        [*paid, "my.paid/standing=trade/7d/count"],
        [*paid, "my.billed/7d/count"],
        [*paid, paid[0]],
        [*paid, "my.paid/hours=night/7d/count.part"],
        ["my.billed/7d/tax_sum", "my.billed/7d/total_sum"],
        ["my.paid/7d/count", "my.paid/168h/count"],
    )
    for names in general:
        assert not isinstance(work(names), Cells), names
    assert not isinstance(Batch.of(wide(), paid, {SELLER}, None, 1).work, Cells), "no payments are supplied"
    assert not isinstance(Batch.of(wide(), paid, {PAYEE}, ["invoices"], 1).work, Cells), "payments are not granted"
    money = next(name for name in mine().columns if name in mine().money)
    assert not isinstance(Batch.of(mine(), [money], {PAYEE}, None, 1).work, Cells)


@pytest.mark.parametrize(("values_at_once", "rows", "few"), [(1, 7, False), (4_000, 40, False), (10**9, 10**5, False),
                                                            (1, 5, True), (10**9, 10**5, True)])  # fmt: skip
def test_frames_in_few_or_many_row_groups_are_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values_at_once: int, rows: int, few: bool
) -> None:
    monkeypatch.setattr(groups, "VALUES_AT_ONCE", values_at_once)
    whole, files = lake(tmp_path, 3)
    names = of("my.paid")[:420] if few else of("my.paid")[::5]
    assert (len(work(names).masks) > 0) == few  # type: ignore[attr-defined]
    asked = labels(4).sort_by("entity")
    out = tmp_path / "frame.parquet"
    done = write_frame(wide(), {PAYEE: files[PAYEE]}, asked, out, columns=names, rows_at_once=rows)
    frame = Frame.from_arrow(pq.read_table(out))
    subjects, as_of, known_at = (asked.column(name).to_pylist() for name in ("entity", "as_of", "known_at"))
    wanted, _ = plain(wide(), whole, subjects, as_of, known_at, names)
    assert done.rows == len(frame) == 50
    assert pq.ParquetFile(out).num_row_groups == (1 if values_at_once == 10**9 else 4)
    assert frame.entity.tolist() == subjects
    assert frame.values.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("rows", [9, 100_000])
def test_a_long_cube_says_what_a_frame_says_and_leaves_out_empty_cells(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["dandelion.indicators.read_cells"], "TOGETHER", 1 + rows // 2)  # events of a share
    whole, files = lake(tmp_path, 8)
    sources, names = {PAYEE: files[PAYEE]}, of("my.paid")
    Random(5).shuffle(names)
    long = read_cells(wide(), sources, NOW, NOW, columns=names, rows_at_once=rows)
    frame = read_frame(wide(), sources, NOW, NOW, columns=names)
    wanted, _ = plain(wide(), whole, frame.entity.tolist(), NOW, NOW, names)
    assert long.entity.tolist() == frame.entity.tolist()
    assert long.dense().tobytes() == frame.values.tobytes() == wanted.tobytes()
    counts = [names.index(f"{name}/ever/count") for name in {n.rsplit("/", 2)[0] for n in names}]
    assert len(long) == np.count_nonzero(wanted[:, counts]) < 0.5 * wanted[:, counts].size


def test_a_long_cube_is_of_plain_cells_alike() -> None:
    for names in (["my.paid/7d/active_days"], ["my.paid/7d/count", "my.paid/days=friday/7d/distinct_payers"]):
        with pytest.raises(BadInput, match="long cube"):
            read_cells(wide(), {PAYEE: []}, NOW, NOW, columns=names)


def test_a_frame_makes_no_catalogue_entry_that_nobody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    entry = Definitions._entry
    monkeypatch.setattr(Definitions, "_entry", lambda self, name: made.append(name) or entry(self, name))
    definitions = Definitions.of([Cube(PAID, ("7d",), FIGURES, by=("hours",), up_to=1)])
    frame = evaluate(definitions, tables({PAYEE: []}), ["shop"], NOW, NOW)
    assert made == []
    assert frame.catalogue["my.paid/7d/amount_mean"].null_policy == "no_events"
    assert made == ["my.paid/7d/amount_mean"]
