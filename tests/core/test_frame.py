import numpy as np
import pytest

from dandelion.core import BadInput, Column, Frame, MoneyColumn


def column(name: str) -> Column:
    return Column(name, "1", (None, None), "undefined", "demo", "credit", "hash", "列", "column", ("payments",))


def frame(names: list[str], money: list[str] = []) -> Frame:  # noqa: B006
    return Frame.of(
        ["a", "b"], [1, 2], [1, 2], {name: [1.5, np.nan] for name in names},
        {name: column(name) for name in [*names, *money]},
        {name: MoneyColumn(np.array([16_777_217, 0]), np.array([True, False])) for name in money},
    )  # fmt: skip


def test_a_frame_survives_arrow_with_its_catalogue_and_exact_money() -> None:
    before = frame(["x/1", "x/2"], ["m/fen"])
    after = Frame.from_arrow(before.to_arrow())
    assert after.names == before.names
    assert after.catalogue == before.catalogue
    assert np.array_equal(after.values, before.values, equal_nan=True)
    assert (after.fen("m/fen", 0), after.fen("m/fen", 1)) == (16_777_217, None)


def test_side_by_side_needs_the_same_rows_and_different_names() -> None:
    both = frame(["x"]).beside(frame(["y"]))
    assert both.names == ("x", "y")
    with pytest.raises(BadInput):
        frame(["x"]).beside(frame(["x"]))
    with pytest.raises(BadInput):
        frame(["x"]).beside(frame(["y"]).take([1, 0]))


def test_selecting_an_unknown_column_names_it() -> None:
    with pytest.raises(BadInput) as error:
        frame(["x"]).select(["x", "zzz"])
    assert error.value.field == "zzz"


def test_a_column_id_is_a_path_of_plain_words() -> None:
    with pytest.raises(BadInput):
        column("payment[qr]:30d")


def test_a_column_without_catalogue_entry_is_refused() -> None:
    with pytest.raises(BadInput):
        Frame.of(["a"], [1], [1], {"x": [1.0]}, {})
