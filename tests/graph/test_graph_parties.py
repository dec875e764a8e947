"""Ids of parties kept as one block of memory, against a plain dictionary."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.graph.parties import ONE_BY_ONE, Parties

names = st.lists(st.text(min_size=1, max_size=4), max_size=120)


@settings(max_examples=80, deadline=None)
@given(names, names)
def test_numbers_are_those_of_a_sorted_list_for_few_names_and_for_many(held: list[str], asked: list[str]) -> None:
    parties = Parties.of(pa.array(held, pa.string()))
    wanted = {name: number for number, name in enumerate(sorted(set(held)))}
    assert list(parties) == sorted(set(held)) and len(parties) == len(wanted)
    assert [parties.find(name) for name in asked] == [wanted.get(name, -1) for name in asked]
    many = asked * (1 + ONE_BY_ONE // max(len(asked), 1))
    assert parties.rows(many).tolist() == [wanted.get(name, -1) for name in many]
    assert parties.text(range(len(parties))) == parties[:] == sorted(set(held))
    assert all(name in parties for name in held) and 7 not in parties
    assert parties == Parties.of(pa.array(held[::-1], pa.string()))


def test_many_ids_take_a_few_bytes_more_than_their_letters() -> None:
    parties = Parties(pa.array([f"a{number:07d}" for number in range(200_000)]))
    assert parties.ids.nbytes < 13 * len(parties)
