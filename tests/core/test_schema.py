import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion.core import BadInput, arrow_schema, canonical, fields_of, from_table, to_table, validate
from dandelion.core.events import ALL_KINDS, Payment

NOW = 1_750_000_000_000_000
STAMP = pa.timestamp("us", tz="UTC")


def batch(**changes: object) -> pa.Table:
    columns: dict[str, object] = {
        "event_id": ["e1", "e2", "e3"],
        "source": ["s"] * 3,
        "at": pa.array([NOW - 3, NOW - 2, NOW - 1], STAMP),
        "arrived": pa.array([NOW] * 3, STAMP),
        "payee": ["shop"] * 3,
        "payer": ["p1", "p2", "p3"],
        "amount_fen": [100, 200, 300],
        "channel": ["qr", "online", "card"],
    }
    return pa.table({**columns, **changes})


def test_every_kind_has_a_schema_with_its_roles_as_columns() -> None:
    for name, kind in ALL_KINDS.items():
        schema = arrow_schema(name)
        assert schema.metadata[b"dandelion.kind"].decode() == name
        assert set(kind.ROLES) <= set(schema.names)
        assert kind.DATA_KIND


def test_good_rows_go_in_unchanged() -> None:
    good, rejected = validate("payment", batch(), now_us=NOW)
    assert rejected == []
    assert good.num_rows == 3
    assert good.schema.equals(arrow_schema("payment"))


@pytest.mark.parametrize(
    ("changes", "row", "field"),
    [
        ({"amount_fen": [100, 0, 300]}, 1, "amount_fen"),
        ({"amount_fen": [100, -5, 300]}, 1, "amount_fen"),
        ({"amount_fen": pa.array([100.0, 200.5, 300.0])}, 1, "amount_fen"),
        ({"amount_fen": ["100", "two", "300"]}, 0, "amount_fen"),
        ({"payer": ["p1", None, "p3"]}, 1, "payer"),
        ({"payer": ["p1", "", "p3"]}, 1, "payer"),
        ({"payer": ["p1", "x" * 300, "p3"]}, 1, "payer"),
        ({"channel": ["qr", "barter", "card"]}, 1, "channel"),
        ({"at": pa.array([NOW, NOW + 1, NOW], STAMP)}, 1, "at"),
        ({"at": pa.array([NOW, 5, NOW], STAMP)}, 1, "at"),
        ({"at": ["2025-01-01"] * 3}, 0, "at"),
    ],
)
def test_a_bad_row_is_set_aside_with_row_field_and_reason(changes: dict[str, object], row: int, field: str) -> None:
    good, rejected = validate("payment", batch(**changes), now_us=NOW)
    assert (rejected[0].row, rejected[0].field) == (row, field)
    assert field in rejected[0].reason
    assert good.num_rows == 3 - len(rejected)


def test_a_missing_column_refuses_the_batch_and_names_it() -> None:
    with pytest.raises(BadInput) as error:
        validate("payment", batch().drop_columns(["payee"]), now_us=NOW)
    assert error.value.field == "payee"


def test_an_empty_batch_is_fine() -> None:
    good, rejected = validate("payment", batch().slice(0, 0), now_us=NOW)
    assert (good.num_rows, rejected) == (0, [])


@given(st.integers(1, 2**62), st.sampled_from(["qr", "card"]), st.one_of(st.none(), st.just("d1")))
def test_events_survive_the_round_trip_through_arrow(amount: int, channel: str, device: str | None) -> None:
    event = Payment(
        event_id="e", source="s", at=NOW - 1, arrived=NOW, payee="a", payer="b", amount_fen=amount, channel=channel,
        device=device,
    )  # fmt: skip
    assert from_table("payment", to_table([event])) == [event]


def test_field_order_starts_with_the_common_fields() -> None:
    assert [f.name for f in fields_of("payment")][:5] == ["event_id", "source", "at", "arrived", "replaces"]


def test_canonical_json_refuses_floats_and_sorts_keys() -> None:
    assert canonical({"b": [1, {"d": None, "c": "é"}], "a": True}) == '{"a":true,"b":[1,{"c":"é","d":null}]}'.encode()
    with pytest.raises(BadInput) as error:
        canonical({"a": [{"b": 0.5}]})
    assert error.value.field == "$.a[0].b"
