"""Texts eight bytes at a time are hashed, compared and copied as byte by byte, wherever they stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from dandelion.indicators.text_words import alike, before, copy, leading, text_hash
from dandelion.indicators.textcodes import lookup_of, places_in, text_order, texts_in_order, texts_rise

TEXTS = st.lists(st.binary(max_size=20) | st.text("ab\0", max_size=18).map(str.encode), min_size=1, max_size=12)
WORD = (1 << 64) - 1


@njit
def _hash(data, start, end):  # type: ignore[no-untyped-def]
    return text_hash(data, start, end)


@njit
def _all(data, start, end, other, first, last, out):  # type: ignore[no-untyped-def]
    same = end - start == last - first and alike(data, start, other, first, end - start)
    return same, before(data, start, end, other, first, last), leading(data, start, end), copy(data, start, end, out, 3)


def held(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, bytes) with nothing around them, so that whoever reads too far reads what is not there."""
    return np.cumsum([0, *map(len, texts)]).astype(np.int64), np.frombuffer(b"".join(texts), np.uint8).copy()


def slow_hash(text: bytes) -> int:
    h = 0xCBF29CE484222325 ^ len(text)
    for at in range(0, len(text), 8):
        h = (h ^ int.from_bytes(text[at : at + 8], "little")) * 0x9FB21C651E98DF25 & WORD
        h ^= h >> 32
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & WORD
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & WORD
    return h ^ h >> 33


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_two_texts_are_told_apart_ordered_and_copied_as_bytes(texts: list[bytes], others: list[bytes]) -> None:
    (offsets, data), (ends, other) = held(texts), held(others)
    for i, text in enumerate(texts):
        assert _hash(data, offsets[i], offsets[i + 1]) == slow_hash(text)
        for j, known in enumerate(others):
            out = np.full(len(text) + 6, 7, np.uint8)
            same, earlier, first, behind = _all(data, offsets[i], offsets[i + 1], other, ends[j], ends[j + 1], out)
            assert (same, earlier) == (text == known, text < known)
            assert int(first) == int.from_bytes(text[:8].ljust(8, b"\0"), "big")
            assert (out.tobytes(), behind) == (b"\7" * 3 + text + b"\7" * 3, 3 + len(text))


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS)
def test_texts_are_put_in_order_and_found_as_bytes(texts: list[bytes], others: list[bytes]) -> None:
    offsets, data = held(texts)
    assert texts_in_order(offsets, data) == (texts == sorted(texts))
    assert texts_rise(offsets, data) == (texts == sorted(set(texts)))
    assert text_order(offsets, data).tolist() == sorted(range(len(texts)), key=lambda i: texts[i])
    known = sorted(set(others))
    places = places_in(offsets, data, np.empty(0, np.bool_), *held(known), lookup_of(*held(known)))
    assert places.tolist() == [known.index(text) if text in known else -1 for text in texts]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"", 0xEFD01F60BA992926),
        (b"m", 0x8027424922757585),
        (b"m000123", 0x72A9C82DB92F16B0),
        (b"m0000123", 0xBA361C545DC394C5),
        (b"91310000MA1FL0XX7T", 0x94F3AD010A73C7F0),
    ],
)
def test_hashes_that_are_stored_stay_what_they_were(text: bytes, wanted: int) -> None:
    assert _hash(np.frombuffer(text, np.uint8), 0, len(text)) == wanted
