"""Wide declarations: what a quarter of a million columns are, without making them."""

from __future__ import annotations

import itertools
import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, Frame, canonical
from dandelion.indicators import (
    Base,
    Cube,
    Definitions,
    Derive,
    Dimension,
    Each,
    Level,
    Measure,
    Stream,
    declarations,
    full,
    standard,
)  # fmt: skip
from dandelion.indicators.families import FAMILIES
from dandelion.indicators.hashing import base_text, derived_text

STANDARD_HASH = "3fc7ac7939923f72dc58f385b6add149bcbfd9d6af082a6f992085e73a443e30"
SAMPLE = random.Random(20).sample(list(full().columns), 1500)


def stream_of(*sizes: int) -> Stream:
    """A stream with dimensions d0, d1, ... of the sizes given."""
    dimensions = tuple(
        Dimension(f"d{i}", tuple(Level(f"v{j}", f"第{j}", f"of {j}", low=j, high=j + 1) for j in range(size)), "hour")
        for i, size in enumerate(sizes)
    )
    measure = Measure("amount", "amount_fen", "fen", "金额", "amount")
    return Stream("my.paid", "payment", "payee", "收款", "receipts", counterparty="payer", measures=(measure,),
                  dimensions=dimensions, people=True)  # fmt: skip


PAID = stream_of(2, 3, 1)
EVERY = Cube(PAID, ("30d", "7d", "84d"), ("count", "sum", "distinct"), by=("d0", "d1", "d2"), up_to=3)


def test_a_quarter_of_a_million_columns_come_from_at_most_150_declarations() -> None:
    made = declarations()
    assert len(made) <= 150
    assert len(Definitions.of(made)) >= 250_000
    assert {part.name for part in made if isinstance(part, Stream)} == set(standard().streams)


def test_making_the_set_expands_nothing_and_naming_a_column_neither() -> None:
    everything = standard().extended(Definitions.of(declarations()))
    everything.bases_of("payment.received/channel=qr/hours=night/90d/count.trend.365d")
    everything.column("payment.received/channel=qr/hours=night/90d/amount_sum")
    assert "grids" not in everything.wide.__dict__
    assert len(everything.columns) > 250_000
    assert "grids" in everything.wide.__dict__


def test_the_named_set_that_training_reads_stays_what_it_was() -> None:
    assert list(standard().columns) == list(standard().named)
    assert len(standard().columns) == 540
    assert standard().hash == STANDARD_HASH, "a standard column means something else now: say so, then change this hash"
    assert list(full().named) == list(standard().named)


def test_every_listed_id_is_unique_and_means_itself() -> None:
    ids = list(full().columns)
    assert len(set(ids)) == len(ids) == len(full().columns)
    assert max(map(len, ids)) <= 200
    for name in SAMPLE:
        definition = full().definition(name)
        assert definition.id == name
        assert name in full().columns
        assert full().columns[name] == definition
        assert full().bases_of(name)


def test_any_declared_path_is_understood_from_the_small_set() -> None:
    for name in SAMPLE[:300]:
        assert standard().column(name) == full().column(name)
        assert name not in standard().columns or name in standard().named


def test_what_may_be_named_is_more_than_what_is_listed() -> None:
    known = standard().nameable
    path = "payment.received/channel=qr/hours=night/90d/amount_q90.per.amount_q50"
    assert path not in standard().catalogue
    assert path in known
    assert known[path] == full().catalogue[path] == known.get(path)
    assert list(known) == list(standard().columns)
    for wrong in ("payment.received/90d/profit", "nothing", ""):
        assert wrong not in known
        assert known.get(wrong) is None
        with pytest.raises(KeyError):
            known[wrong]
        with pytest.raises(KeyError):
            standard().columns[wrong]


def test_just_some_columns_make_a_set_of_their_own() -> None:
    derive = Derive("my/own", "ratio", ("payment.received/7d/count", "payment.received/30d/count"), "甲", "A")
    twice = Derive("my/twice", "difference", ("my/own", "my/own"), "乙", "B")
    whole = standard().extended(Definitions.of([*standard().streams.values(), derive, twice]))
    path = "order.sold/hours=night/30d/count.trend.90d"
    some = whole.only(["my/twice", path])
    assert list(some.columns) == ["my/twice", path]
    assert some.column("my/twice") == whole.column("my/twice")
    assert set(some.needs()) == {("payment", "payee"), ("order", "seller")}
    with pytest.raises(BadInput, match="neither a declared column"):
        whole.only(["my/thrice"])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_cells_are_counted_by_arithmetic_as_they_are_listed(sizes: list[int], data: st.DataObject) -> None:
    stream = stream_of(*sizes)
    names = [d.name for d in stream.dimensions]
    by = tuple(data.draw(st.lists(st.sampled_from(names), unique=True)))
    up_to = data.draw(st.none() | st.integers(0, len(by)))
    cube = Cube(stream, ("7d", "30d"), ("count", "sum", "distinct"), by=by, up_to=up_to)
    choices = [[None, *(level.value for level in stream.dimension(name).levels)] for name in by]
    wanted = set()
    for picked in itertools.product(*choices):
        cell = tuple(sorted((n, v) for n, v in zip(by, picked, strict=True) if v is not None))
        if len(cell) <= len(by) if up_to is None else len(cell) <= up_to:
            wanted.add(cell)
    if up_to is None:
        wanted = {cell for cell in wanted if len(cell) == len(by)}
    assert set(cube.cells()) == wanted
    assert len(list(cube.cells())) == cube.cell_count == len(wanted)
    assert len(list(cube.bases())) == len(cube) == 6 * len(wanted)
    for least in range(5):
        assert cube.cells_from(least) == sum(len(cell) >= least for cell in wanted)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_overlapping_declarations_count_once(data: st.DataObject) -> None:
    parts: list[Cube | Each] = []
    for _ in range(data.draw(st.integers(1, 4))):
        by = tuple(data.draw(st.lists(st.sampled_from(["d0", "d1", "d2"]), unique=True)))
        windows = tuple(data.draw(st.lists(st.sampled_from(["7d", "30d", "90d"]), unique=True, min_size=1)))
        cube = Cube(PAID, windows, ("count", "sum"), by=by, up_to=data.draw(st.integers(0, len(by))))
        parts += [cube, *([Each(cube, "trend", to=("365d",))] if data.draw(st.booleans()) else [])]
    made = Definitions.of(parts)
    wanted = {base.id for part in parts if isinstance(part, Cube) for base in part.bases()}
    for part in (part for part in parts if isinstance(part, Each)):
        wanted |= {f"{base.id}.trend.365d" for base in part.cubes[0].bases()}
    assert set(made.columns) == wanted
    assert len(made) == len(list(made.columns)) == len(wanted)
    assert all(name in made.columns for name in wanted)
    assert "my.paid/60d/count" not in made.columns


def test_each_family_expands_to_the_columns_its_arithmetic_promises() -> None:
    other = Stream("my.other", "payment", "payer", "付款", "payments", counterparty="payee", measures=PAID.measures,
                   dimensions=PAID.dimensions)  # fmt: skip
    to = {"within": ("60d",), "trend": ("60d", "90d"), "acceleration": ("60d.90d",), "volatility": ("7d",),
          "own_past": ("7d",), "per": ("distinct_payers",), "same_weekdays": ("56d",),
          **dict.fromkeys(("new", "returning", "new_share", "returning_share"), ("60d",))}  # fmt: skip
    for name in FAMILIES:
        each = Each(EVERY, name, to=to.get(name, ()), other=other if name == "against" else None)
        made = Definitions.of([EVERY, each])
        derived = [column for column in made.columns if f".{name}" in column]
        assert len(derived) == len(each) > 0, name
        for column in derived:
            definition = made.definition(column)
            assert isinstance(definition, Derive)
            assert all(isinstance(base, Base) for base in made.bases_of(column))
            assert made.column(column).zh
            assert made.column(column).en


def test_the_text_behind_a_hash_is_canonical_json() -> None:
    for name in [*SAMPLE, "my/own"]:
        definitions = full() if name != "my/own" else Definitions.of([PAID, Derive("my/own", "ratio", ("my.paid/7d/count",
                                                                     "my.paid/ever/amount_last"), "甲", "a")])  # fmt: skip
        definition = definitions.definition(name)
        wanted = canonical(definitions.as_json(name)).decode()
        if isinstance(definition, Base):
            assert base_text(definition, definitions.tz) == wanted
        else:
            inner = [canonical(definitions.as_json(one)).decode() for one in definition.of]
            assert derived_text(definition.op, inner, definitions.tz) == wanted


def test_what_to_read_for_everything_is_what_every_column_needs() -> None:
    made = Definitions.of([EVERY, Each(EVERY, "year_before"), Each(EVERY, "trend", to=("800d",))])
    assert made.needs() == made.needs(list(made.columns))
    assert full().needs()["payment", "payee"] is None
    assert ("role", "firm") in full().needs()


def test_the_set_has_a_name_that_changes_with_its_wide_parts_too() -> None:
    one, same = Definitions.of([EVERY]), Definitions.of([EVERY])
    other = Definitions.of([EVERY, Each(EVERY, "trend", to=("90d",))])
    assert one.hash == same.hash != other.hash


def test_a_wide_set_can_be_sent_to_another_process() -> None:
    again = pickle.loads(pickle.dumps(Definitions.of([EVERY, Each(EVERY, "part")])))
    assert list(again.columns) == list(Definitions.of([EVERY, Each(EVERY, "part")]).columns)


def test_catalogue_entries_of_every_kind_are_complete() -> None:
    frame_like = {name: full().column(name) for name in SAMPLE}
    for entry in frame_like.values():
        assert entry.purpose == "credit"
        assert bool(entry.data_kinds) != entry.id.startswith("ledger."), "the lender's own books need no data kind"
        assert entry.unit in ("count", "days", "fen", "stars", "share", "ratio", "deviations", "nats", "m")
        assert entry.null_policy in ("zero_is_real", "no_events", "fewer_than_2_events", "fewer_than_5_people",
                                     "no_positive_sum", "undefined_ratio")  # fmt: skip
        low, high = entry.range
        assert low is None or high is None or low < high
    empty = Frame.of([], [], [], {name: [] for name in SAMPLE}, frame_like)
    assert Frame.from_arrow(empty.to_arrow()).catalogue == frame_like


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Cube(PAID, ("7d", "7d"), ("count",)), "one of its windows twice"),
        (lambda: Cube(PAID, ("7d",), ("count",), by=("d0",), only=(("d0", "v0"),)), "a dimension twice"),
        (lambda: Cube(PAID, ("7d",), ("count",), by=("d0",), up_to=2), "up_to=2; give 0 to 1"),
        (lambda: Cube(PAID, ("7d",), ("count",), only=(("d0", "v9"),)), "no level 'v9'; it has v0, v1"),
        (lambda: Dimension("d", (Level("a", "", ""), Level("a", "", ""))), "each named once"),
        (lambda: Dimension("d", (Level("a-b", "", ""),)), "letters, digits and _ only; rename"),
        (lambda: Measure("a b", "amount_fen", "fen", "", ""), "letters, digits and _ only; rename"),
        (lambda: Each(EVERY, "growth"), "'growth' is not a family; use one of part"),
        (lambda: Each(EVERY, "trend"), "needs a longer window in `to`"),
        (lambda: Each(EVERY, "part", to=("30d",)), "takes nothing in `to`"),
        (lambda: Each(EVERY, "trend", to=("30d",), windows=("8d",)), "names window '8d', which its cube lacks"),
        (lambda: Each(EVERY, "part", figures=("amount_mean",)), "names figure 'amount_mean'"),
        (lambda: Each(EVERY, "trend", to=("3d",)), "fits none of them: .* name a longer one"),
        (lambda: Each(EVERY, "volatility", to=("11d",)), "fits none of them: .* does not divide"),
        (lambda: Each(Cube(PAID, ("7d",), ("count",)), "part"), "needs cells with 1 fixed levels"),
        (lambda: Each(EVERY, "against", other=PAID), "fits none of them: .*name another declared stream"),
        (lambda: Each((), "part"), "of no cube"),
        (lambda: Definitions.of([Cube(stream_of(30, 30, 30, 10), tuple(f"{d}d" for d in range(1, 4)), ("count",),
                                      by=("d0", "d1", "d2", "d3"), up_to=4)] * 2), "expand to .* or more, above 1,000,000"),
    ],
)  # fmt: skip
def test_a_wrong_wide_declaration_says_what_is_wrong(make: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("payment.received/hours=night/channel=qr/30d/count", "in this order: channel, hours"),
        ("payment.received/channel=qr/channel=card/30d/count", "each dimension once"),
        ("payment.received/30d/count.growth", "'growth' is not a family"),
        ("payment.received/30d/count.part", "needs at least 1 fixed levels"),
        ("payment.received/30d/amount_max.trend.90d", "trend is of count, sum, not of max"),
        ("payment.received/30d/count.trend.7d", "name a longer one"),
        ("payment.received/30d/count.trend", "needs a longer window after it"),
        ("payment.received/ever/count.year_before", "number of whole days"),
        ("payment.received/30d/count.per.profit", "name another figure of the stream"),
        ("payment.received/30d/count.against.nothing.there", "name another declared stream"),
        ("payment.received/0d/count", "give a length above zero"),
        ("payment.received/30d", "neither a declared column"),
    ],
)
def test_a_wrong_path_says_what_is_wrong(path: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        standard().definition(path)
