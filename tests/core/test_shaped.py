"""Settings from a file: every name known, every value of its sort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from dandelion.core import BadInput, shaped


@dataclass(frozen=True, slots=True)
class Shelf:
    height_cm: float
    books: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    number: int
    is_open: bool
    shelf: Shelf
    prices: Mapping[str, int]


GOOD = {"number": 3, "is_open": True, "shelf": {"height_cm": 30, "books": ["a", "b"]}, "prices": {"a": 5}}


def test_plain_values_become_frozen_ones_and_a_whole_number_serves_as_a_float():
    made = shaped(Room, GOOD, "room.yaml")
    assert made == Room(3, True, Shelf(30.0, ("a", "b")), {"a": 5})
    assert type(made.shelf.height_cm) is float


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"number": 3.0}, "number", "give a whole number"), ({"number": True}, "number", "give a whole number"),
        ({"is_open": 1}, "is_open", "give true or false"), ({"shelf": 4}, "shelf", "give height_cm, books"),
        ({"shelf": {"height_cm": 1}}, "shelf.books", "is missing"), ({"nmber": 3}, "nmber", "is not known"),
        ({"shelf": {"height_cm": 1, "books": "ab"}}, "shelf.books", "give a list"),
        ({"shelf": {"height_cm": 1, "books": [1]}}, "shelf.books", "give text"),
        ({"prices": {"a": "5"}}, "prices.a", "give a whole number"), ({"prices": [5]}, "prices", "give names with values"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path(change, field, says):
    with pytest.raises(BadInput, match=says) as refused:
        shaped(Room, {**GOOD, **change}, "room.yaml")
    assert refused.value.field == field
    assert "room.yaml" in str(refused.value)


def test_a_file_that_holds_no_mapping_is_refused():
    with pytest.raises(BadInput, match="give number, is_open, shelf, prices"):
        shaped(Room, None, "room.yaml")
