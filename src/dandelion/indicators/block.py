"""`Block`: events of one (kind, role) as the kernel reads them, for one subject or many.

One matrix of whole numbers (lines, events), sorted by (subject, at, event id), with the corrections worked out; no
text is left in it.  Made once from Arrow; kept as a few bytes per event.

>>> import pyarrow as pa
>>> from dandelion.core import arrow_schema
>>> from dandelion.indicators import standard
>>> layout = layouts(standard(), ["payment.received/30d/amount_sum"])["payment", "payee"]
>>> paid = dict(event_id="e1", source="s", at=5, arrived=5, payee="shop", payer="ann", amount_fen=1200, channel="qr")
>>> block = Block.of(layout, pa.Table.from_pylist([paid], schema=arrow_schema("payment")))
>>> Block.from_bytes(layout, block.one("shop").to_bytes()).data[layout.measure_line("amount_fen")].tolist()
[1200]
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.clock import largest_sum
from dandelion.indicators.columns import Events, codes_word
from dandelion.indicators.layout import ARRIVED, AT, DAY, FIXED, GONE, Layout, layouts
from dandelion.indicators.packing import pack_lines, unpack_lines

__all__ = ["Block", "Layout", "layouts"]

Hashes = npt.NDArray[np.uint64]
_HEAD = struct.Struct("<4s16sIH")
_MAGIC = b"DBK1"
_NO_HASHES = np.empty(0, np.uint64)
SUM_MAX = 2.0**62


@dataclass(frozen=True)
class Block:
    """`data` is (lines, events) int64 as `layout` says; subject s has events ``bounds[s]:bounds[s + 1]``.

    Parties are numbered from 0 inside each subject: party p of party column k of subject s has the 64-bit hash
    ``hashes[k][party_bounds[k][s] + p]`` where the layout says that names matter, else no hash is kept.
    """

    layout: Layout
    subjects: pa.Array
    bounds: Ints
    data: Ints
    party_bounds: tuple[Ints, ...]
    hashes: tuple[Hashes, ...]

    @classmethod
    def of(cls, layout: Layout, table: pa.Table) -> Block:
        """All subjects of an Arrow table; a table that is not sorted by (subject, at, event id) is sorted.

        Errors (BadInput): a column is missing, or the sum of a measure over one subject could leave 64 bits.
        """
        if not table.num_rows and layout.reads <= set(table.column_names):
            return cls.empty(layout)  # most kinds, for most merchants: nothing to sort, to check or to number
        return cls.of_events(layout, Events.of(layout.kind, layout.role, table))

    @classmethod
    def of_events(cls, layout: Layout, events: Events) -> Block:
        data = np.empty((layout.lines, len(events.at)), np.int64)
        data[AT], data[ARRIVED], data[GONE] = events.at, events.arrived, events.gone
        codes_word(layout, events, data[AT], data[DAY], data[FIXED : FIXED + layout.words])
        for name in layout.measures:
            line = data[layout.measure_line(name)]
            line[:] = events.numbers(name)
            if largest_sum(events.bounds, line) >= SUM_MAX:
                raise BadInput(f"the {name} of these events add up beyond 64 bits; check their unit", field=name)
        found = [events.parties(name, data[layout.party_line(name)], name in layout.named) for name in layout.parties]
        return cls(layout, events.subjects, events.bounds, data, tuple(b for b, _ in found), tuple(h for _, h in found))

    @classmethod
    def empty(cls, layout: Layout) -> Block:
        nobody = (np.zeros(1, np.int64),) * len(layout.parties)
        return cls(layout, pa.array([], pa.string()), np.zeros(1, np.int64), np.empty((layout.lines, 0), np.int64),
                   nobody, (_NO_HASHES,) * len(layout.parties))  # fmt: skip

    def __len__(self) -> int:
        """Number of events."""
        return self.data.shape[1]

    def __bool__(self) -> bool:
        return True

    @cached_property
    def place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.subjects.to_pylist())}

    def one(self, subject: str) -> Block:
        """The events of one subject, as a block of its own (with that subject, and nothing in it if unknown)."""
        s = self.place.get(subject)
        if s is None:
            return Block.empty(self.layout)
        low, high = self.bounds[s], self.bounds[s + 1]
        spans = [(int(b[s]), int(b[s + 1])) for b in self.party_bounds]
        return Block(
            self.layout, self.subjects[s : s + 1], np.array([0, high - low], np.int64),
            np.ascontiguousarray(self.data[:, low:high]),
            tuple(np.array([0, stop - start], np.int64) for start, stop in spans),
            tuple(h[start:stop] if len(h) else h for h, (start, stop) in zip(self.hashes, spans, strict=True)),
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """One subject's events: about 15 bytes each.  The subject's name is not in it.  Errors: BadInput for many."""
        if len(self.subjects) > 1:
            raise BadInput("a block of many subjects is not packed; take block.one(subject) first", field="subject")
        counts = np.array([b[-1] for b in self.party_bounds], "<u4")
        head = _HEAD.pack(_MAGIC, self.layout.tag, len(self), self.data.shape[0])
        hashes = [h.astype("<u8").tobytes() for h in self.hashes]
        return b"".join([head, counts.tobytes(), *hashes, pack_lines(self.data).tobytes()])

    @classmethod
    def from_bytes(cls, layout: Layout, packed: bytes | memoryview, subject: str = "") -> Block:
        """Errors (BadInput): bytes of another layout."""
        magic, tag, events, lines = _HEAD.unpack_from(packed)
        if magic != _MAGIC or tag != layout.tag or lines != layout.lines:
            raise BadInput("these bytes hold events of another layout; build the block again from its events",
                           field="layout")  # fmt: skip
        at = _HEAD.size
        counts = np.frombuffer(packed, "<u4", len(layout.parties), at).tolist()
        at += 4 * len(counts)
        hashes = []
        for name, count in zip(layout.parties, counts, strict=True):
            kept = count if name in layout.named else 0
            hashes.append(np.frombuffer(packed, "<u8", kept, at).copy())  # writable as elsewhere: one compiled form
            at += 8 * kept
        data = unpack_lines(np.frombuffer(packed, np.uint8, -1, at), lines, events)
        return cls(layout, pa.array([subject], pa.string()), np.array([0, events], np.int64), data,
                   tuple(np.array([0, count], np.int64) for count in counts), tuple(hashes))  # fmt: skip

    @cached_property
    def tiles(self) -> dict[int, Any]:
        """What `Serving` keeps beside a block with very many events, by program."""
        return {}

    @cached_property
    def address(self) -> int:
        return int(self.data.ctypes.data)

    @cached_property
    def extent(self) -> tuple[int, int, int]:
        """(address, lines, events) of `data`, as the kernels take it."""
        return self.address, *self.data.shape

    @cached_property
    def most_parties(self) -> tuple[int, ...]:
        """Of each party column, how many any one subject has."""
        return tuple(int((ends[1:] - ends[:-1]).max(initial=0)) for ends in self.party_bounds)

    def slices(self, names: Sequence[str] | npt.NDArray[Any]) -> Ints:
        """Place of each subject among `subjects`, -1 where unknown."""
        place = self.place
        return np.array([place.get(name, -1) for name in names], np.int64)
