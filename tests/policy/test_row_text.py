"""A row read straight from the text of a request is the row the JSON library gives, or is left to it."""

from __future__ import annotations

import json
import struct
from decimal import Decimal

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.policy.rulings import Layout, RowText

COLUMNS = ("a", "b", "ab", "payment.received/30d/count", "payment.received/30d/amount_sum", "in_list(black)", "c 1")
LAYOUT = Layout(COLUMNS, ("",) * len(COLUMNS), (), (), (), np.empty(0, np.int64))


def by_library(body):
    """(product, entity, row) as the JSON library and `Layout.rows` read them; None where they refuse, or the form is another."""
    try:
        plain = orjson.loads(body)
        if not isinstance(plain, dict) or set(plain) != {"product", "entity", "columns"}:
            return None
        if not isinstance(plain["columns"], dict) or not all(isinstance(plain[k], str) for k in ("product", "entity")):
            return None
        return plain["product"], plain["entity"], LAYOUT.rows([plain["columns"]]).tobytes()
    except (orjson.JSONDecodeError, BadInput):
        return None


def straight(body):
    """The same from the text, None where it is left to the library."""
    read = RowText.of(body)
    row = None if read is None else LAYOUT.row(read)
    return None if row is None else (read.product, read.entity, row.tobytes())


def a_body(columns, product="shop-line", entity="m-1"):
    return f'{{"product":"{product}","entity":"{entity}","columns":{{{columns}}}}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        a_body(""),
        a_body('"a":1'),
        a_body('"a":1,"b":-2.5,"ab":true,"payment.received/30d/count":null,"in_list(black)":false'),
        a_body(
            '"payment.received/30d/amount_sum":1e3,"a":0.10000000149011612,"b":-0.0,"ab":1E-5,"c 1":12345678901234567'
        ),
        b' \n{ "columns" : { "a" : 1 , "b" : 0 } ,\t"entity" : "x" , "product" : "p" }\r\n',
        a_body('"a":1,"a":2'),
    ],
)
def test_what_most_requests_look_like_is_read(body):
    assert straight(body) is not None and straight(body) == by_library(body)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[1]", b"{", a_body('"a":1')[:-1], a_body('"a":1') + b"x", a_body('"a":1,'), a_body('"a" 1'), a_body('"a":'),
        a_body('"a":01'), a_body('"a":+1'), a_body('"a":1.'), a_body('"a":.5'), a_body('"a":1e'), a_body('"a":-'),
        a_body('"a":NaN'), a_body('"a":nul'), a_body('"a":truely'), a_body('"a":"1"'), a_body('"a":[1]'), a_body('"a":{}'),
        a_body('"a":1e39'), a_body('"a":3.4028236e38'), a_body('"z":1'), a_body('"\\u0061":1'), a_body('"a":1', entity="m\\n"),
        a_body('"a":1', entity="\u732b"), a_body('"a":1', entity="a\tb"), a_body('"a":1', product=""), a_body('"a":-0'),
        a_body('"a":18446744073709551616'), a_body('"a":1e-30'), a_body('"a":0.1')[:-1] + b',"keys":{}}',
        b'{"product":"p","product":"q","entity":"e","columns":{}}', b'{"product":1,"entity":"e","columns":{}}',
        b'{"product":"p","entity":"e"}', b'{"product":"p","entity":"e","columns":null}', a_body('"a":1}'),
    ],
)  # fmt: skip
def test_all_else_is_left_to_the_library(body):
    assert straight(body) is None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(COLUMNS),
            st.one_of(
                st.floats(allow_nan=False, allow_infinity=False).map(repr),
                st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
                st.integers(-(2**70), 2**70).map(str),
                st.decimals(allow_nan=False, allow_infinity=False).map(str),
                st.sampled_from(["true", "false", "null", "0", "-0.0", "0e5", "1e22", "1E+2", "00", "1.e5"]),
            ),
        ),
        max_size=8,
    ),
    st.sampled_from([",", " , ", "\n,"]),
)
def test_every_number_is_rounded_as_the_library_rounds_it_or_left_alone(columns, comma):
    body = a_body(comma.join(f'"{name}":{text}' for name, text in columns))
    found = straight(body)
    assert found is None or found == by_library(body)


def test_numbers_beside_the_middle_of_two_float32_are_left_alone_or_right():
    """The hardest numbers: a few units to either side of where a float64 lies between two float32."""
    rng, left = np.random.default_rng(7), 0
    for single in rng.uniform(1e-20, 1e20, 200).astype(np.float32) * rng.choice([1e-15, 1, 1e10], 200).astype(
        np.float32
    ):
        low = float(np.float32(single))
        middle = (Decimal(low) + Decimal(float(np.nextafter(np.float32(low), np.float32(np.inf))))) / 2
        for step in (-9, -3, -1, 0, 1, 3, 9):
            near = float(middle) + step * np.spacing(float(middle))
            for text in (repr(near), f"{near:.18e}", f"{middle:.17e}"):
                body = a_body(f'"a":{text}')
                found = straight(body)
                left += found is None
                assert found is None or found == by_library(body), text
    assert left > 200  # those that are near enough to be unsure


def test_a_float32_written_out_is_always_read():
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    plain = bits[np.isfinite(bits) & (abs(bits) > 1e-4) & (abs(bits) < 1e15)]
    for one in plain:
        body = a_body(f'"a":{float(one)!r}')
        row = LAYOUT.row(RowText.of(body))
        assert row is not None and struct.pack("<f", one) == row[0, :1].tobytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_request_is_never_read_as_another(data):
    body = bytearray(a_body('"a":1.25,"b":-3e2,"payment.received/30d/count":null,"c 1":true'))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        how = data.draw(st.sampled_from(["put", "drop", "double"]))
        if how == "put":
            body[at] = data.draw(st.sampled_from([*b'{}[]",:.-+eE019 \\tfn', 0, 31, 127, 200]))
        elif how == "drop":
            del body[at]
        else:
            body[at:at] = body[at : at + data.draw(st.integers(1, 9))]
    found = straight(bytes(body))
    assert found is None or found == by_library(bytes(body))


def test_columns_in_any_order_and_number_are_found():
    names = [f"payment.received/{d}d/{kind}" for d in range(1, 300) for kind in ("count", "sum")]
    layout = Layout(tuple(names), ("",) * len(names), (), (), (), np.empty(0, np.int64))
    rng = np.random.default_rng(9)
    for _ in range(20):
        some = rng.permutation(len(names))[: rng.integers(0, len(names))]
        given_ = {names[j]: float(j) for j in some}
        read = RowText.of(json.dumps({"product": "p", "entity": "e", "columns": given_}).encode())
        np.testing.assert_array_equal(layout.row(read), layout.rows([given_]))


def test_more_columns_than_fit_are_left_to_the_library():
    assert straight(a_body(",".join('"a":1' for _ in range(5_000)))) is None
