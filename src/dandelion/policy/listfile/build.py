"""Writing a packed list: sorted by two counting passes, written beside its place, then named by its content."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.policy.entry import Entry
from dandelion.policy.listfile import kernel
from dandelion.policy.listfile.kernel import COARSE_BITS, Words
from dandelion.policy.listfile.packed import PAGE, SUFFIX, TERM, PackedList, Section, head_bytes, sha256_of

ROWS_MAX = 2**32 - 2  # places are 32 bits
BITS_MAX = 28
BUCKET_ROWS = 6  # what a bucket holds on average: with eight bytes a key about one line of the processor's cache


@dataclass(slots=True)
class Rows:
    """Keys (first and last eight bytes as numbers) and the number of each one's terms, in any order.

    `write` empties them: sorting needs the memory.
    """

    high: Words
    low: Words
    term: npt.NDArray[np.uint32]


def write(folder: Path, name: str, rows: Rows, terms: Sequence[Entry], key: str) -> PackedList:
    """The list as ``folder/name.<hash>.list``, open.  `key` is the `key_id` it was sealed with.

    Memory while it sorts: twice that of `rows`.  The file is written under another name, synced and then renamed.
    """
    count = len(rows.high)
    if count > ROWS_MAX:
        raise BadInput(f"{count:,} rows; a list holds at most {ROWS_MAX:,}: split it", field="rows")
    assert not count or int(rows.term.max()) < len(terms), "a row names terms that are not there"
    bits = min(BITS_MAX, max(0, round(math.log2(max(count, 1) / BUCKET_ROWS))))
    table, texts = _terms(terms)
    width = next(kind for kind in ("<u1", "<u2", "<u4") if len(terms) <= 2 ** (8 * np.dtype(kind).itemsize))
    sections = _sections(
        ("index", "<u4", (1 << bits) + 1), ("keys", "<u8", count), ("term_of", width, count),
        ("terms", "term", len(table)), ("texts", "<u1", len(texts)),
    )  # fmt: skip
    handle, draft_name = tempfile.mkstemp(prefix=f".{name}.", suffix=".draft", dir=folder)
    os.close(handle)
    draft = Path(draft_name)
    try:
        _fill(draft, sections, rows, bits, table, texts)
        digest = sha256_of(draft)
        head = {
            "rows": count, "bits": bits, "key_id": key, "sha256": digest,
            "sections": [[s.name, s.at, s.kind, s.count] for s in sections],
        }  # fmt: skip
        with draft.open("r+b") as opened:
            opened.write(head_bytes(head))
            opened.flush()
            os.fsync(opened.fileno())
        draft.chmod(0o644)
        file = folder / f"{name}.{digest[:12]}{SUFFIX}"
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return PackedList.open(file)


def _fill(
    draft: Path, sections: Sequence[Section], rows: Rows, bits: int, table: npt.NDArray[np.void], texts: bytes
) -> None:
    with draft.open("r+b") as opened:
        opened.truncate(max(section.end for section in sections))
    part = {s.name: _writable(draft, s) for s in sections}
    count = len(rows.high)
    starts = np.empty((1 << min(bits, COARSE_BITS)) + 1, np.int64)
    high, low, term = np.empty(count, np.uint64), np.empty(count, np.uint64), np.empty(count, np.uint32)
    kernel.spread(rows.high, rows.low, rows.term, bits, starts, high, low, term)
    rows.high = rows.low = np.empty(0, np.uint64)
    rows.term = np.empty(0, np.uint32)
    kernel.settle(high, low, term, bits, starts, part["index"], part["keys"], part["term_of"])
    part["terms"][:] = table
    part["texts"][:] = np.frombuffer(texts, np.uint8)
    for mapped in part.values():
        if isinstance(mapped, np.memmap):
            mapped.flush()


def _terms(terms: Sequence[Entry]) -> tuple[npt.NDArray[np.void], bytes]:
    texts: dict[str, int] = {}
    table = np.empty(len(terms), TERM)
    for i, term in enumerate(terms):
        reason, source = (texts.setdefault(text, len(texts)) for text in (term.reason, term.source))
        table[i] = (reason, source, term.added_us, term.expires_us, term.confidence_ppm)
    return table, json.dumps(list(texts), ensure_ascii=False).encode()


def _sections(*wanted: tuple[str, str, int]) -> list[Section]:
    found, at = [], PAGE
    for name, kind, count in wanted:
        found.append(Section(name, at, kind, count))
        at = -(-found[-1].end // PAGE) * PAGE
    return found


def _writable(file: Path, section: Section) -> Any:
    kind = TERM if section.kind == "term" else np.dtype(section.kind)
    if section.count == 0:
        return np.empty(0, kind)
    return np.memmap(file, kind, "r+", section.at, (section.count,))
