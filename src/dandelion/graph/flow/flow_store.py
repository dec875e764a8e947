"""`FlowStore`: every payment of a tenant in 40 bytes, appended as it arrives, folded into a graph as of any time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.flow import arrays, names_kernel
from dandelion.graph.flow.clustering import Bools
from dandelion.graph.flow.compact import CompactGraph
from dandelion.graph.flow.folding import fold
from dandelion.graph.flow.live import LiveGraph
from dandelion.graph.flow.names import Names, text_buffers
from dandelion.graph.flow.oriented import Ids
from dandelion.graph.payments import amounts, instants, refuse_gaps

_LIST = "segments.json"
Marks = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append came to; payments to oneself are kept and make no edge."""

    payments: int
    new_accounts: int
    to_oneself: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Payments in no order: account numbers, instants (UTC microseconds), fen."""

    payer: Ids
    payee: Ids
    at: Ints
    fen: Ints


class FlowStore:
    """One folder, one writer.  Each append is a segment of arrays that are mapped into memory; the list of segments is
    replaced last, so that readers see all of an append or nothing.

    Corrections: a payment whose event id another one `replaces` disappears once that one has arrived; ids are held as
    64-bit marks, so two different ids mistake each other once in 10^19 pairs.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._segments: list[str] = []
        self._held: dict[str, dict[str, npt.NDArray[Any]]] = {}
        self.names = Names()
        self.refresh()

    def refresh(self) -> None:
        """Take in what another process has appended."""
        file = self.folder / _LIST
        listed = json.loads(file.read_text("utf-8")) if file.is_file() else []
        if listed[: len(self._segments)] != self._segments:  # compacted meanwhile
            self._held, self._segments, self.names = {}, [], Names()
        for name in listed[len(self._segments) :]:
            self._held[name], _ = arrays.read(self.folder / name)
            self._segments.append(name)
            self._know(self._held[name])

    def _forget(self) -> None:
        """Back to what is on disk: names given to payments that were not written are free again."""
        self._held, self._segments, self.names = {}, [], Names()
        self.refresh()

    def _know(self, segment: dict[str, npt.NDArray[Any]]) -> None:
        bounds, data = np.array(segment["name_bounds"]), np.array(segment["name_bytes"])
        self.names.encode(pa.Array.from_buffers(pa.large_string(), len(bounds) - 1,
                                                [None, pa.py_buffer(bounds), pa.py_buffer(data)]))  # fmt: skip

    def __len__(self) -> int:
        """Payments held."""
        return sum(len(segment["at"]) for segment in self._held.values())

    def append(self, payments: pa.Table) -> Appended:
        """Payments as `read_payments` takes them, each once: payer, payee, at, amount_fen; arrived, event_id and replaces
        where present.  Errors (BadInput), before anything is written: as there."""
        refuse_gaps(payments)
        fen, at = amounts(payments), instants(payments.column("at"))
        arrived = instants(payments.column("arrived")) if "arrived" in payments.column_names else at
        marks = _marks(payments, "event_id")
        gone = _marks(payments, "replaces")
        known = len(self.names)
        ids = self.names.encode(
            pa.chunked_array([c for n in ("payer", "payee") for c in _texts(payments, n)], pa.string())
        )
        payer, payee = ids[: len(at)], ids[len(at) :]
        data, bounds = text_buffers(self.names.since(known))
        parts = {
            "payer": payer, "payee": payee, "at": at, "fen": fen, "arrived": arrived, "mark": marks,
            "gone": gone[gone != 0], "gone_at": arrived[gone != 0], "name_bounds": bounds, "name_bytes": data,
        }  # fmt: skip
        try:
            self._write(self._segments, parts)
        except OSError:
            self._forget()
            raise
        return Appended(len(at), len(self.names) - known, int((payer == payee).sum()))

    def compact(self) -> None:
        """One segment in the place of all; what is held does not change."""
        if len(self._segments) < 2:
            return
        data, bounds = text_buffers(self.names.since(0))
        every = list(self._held.values())
        parts = {k: np.concatenate([s[k] for s in every]) for k in every[0] if not k.startswith("name_")}
        old = list(self._segments)
        self._held = {}
        self._write([], parts | {"name_bounds": bounds, "name_bytes": data})
        for name in old:
            for file in sorted((self.folder / name).iterdir()):
                file.unlink()
            (self.folder / name).rmdir()

    def _write(self, before: list[str], parts: dict[str, npt.NDArray[Any]]) -> None:
        taken = [int(name) for name in self._segments]
        name = f"{max(taken, default=0) + 1:08}"
        arrays.write(self.folder / name, parts, {"payments": len(parts["at"])})
        listed = [*before, name]
        fresh = self.folder / f"{_LIST}.new"
        fresh.write_text(json.dumps(listed), "utf-8")
        fresh.replace(self.folder / _LIST)
        self._held[name], _ = arrays.read(self.folder / name)
        self._segments = listed

    def rows(self, as_of: int, known_at: int | None = None, *, since: int | None = None) -> Rows:
        """Payments with ``since <= at < as_of`` that had arrived before `known_at` (default: `as_of`), replaced ones gone."""
        known_at = as_of if known_at is None else known_at
        found = list(self._visible(as_of, known_at, since, self._gone(known_at)))

        def column(name: str, kind: Any) -> npt.NDArray[Any]:
            return np.concatenate([np.zeros(0, kind), *(segment[name][keep] for segment, keep in found)])

        return Rows(
            column("payer", np.uint32), column("payee", np.uint32), column("at", np.int64), column("fen", np.int64)
        )

    def _visible(self, as_of: int, known_at: int, since: int | None, gone: Marks) -> Iterator[tuple[Any, Bools]]:
        for segment in self._held.values():
            keep = (segment["at"] < as_of) & (segment["arrived"] < known_at)
            if since is not None:
                keep &= segment["at"] >= since
            if len(gone):
                keep &= ~np.isin(segment["mark"], gone)
            yield segment, keep

    def _gone(self, known_at: int) -> Marks:
        parts = [s["gone"][s["gone_at"] < known_at] for s in self._held.values()]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)

    def graph(self, as_of: int, *, since: int | None = None, known_at: int | None = None,
              threads: int | None = None) -> CompactGraph:  # fmt: skip
        """Everything as of a boundary, folded; `since` defaults to the first payment.  Account numbers are those of
        `names`."""
        rows = self.rows(as_of, known_at, since=since)
        if since is None:
            since = int(rows.at.min()) if len(rows.at) else as_of - 1
        return fold(
            rows.payer, rows.payee, rows.fen, rows.at, len(self.names), since=since, until=as_of, threads=threads
        )

    def live(self, as_of: int, *, since: int | None = None, shop: Bools | None = None) -> LiveGraph:
        """Counters of the same payments, ready to be kept up with the next ones."""
        rows = self.rows(as_of, since=since)
        made = LiveGraph(len(self.names), shop=shop)
        made.absorb(rows.payer, rows.payee, rows.fen, rows.at)
        return made


def save(graph: CompactGraph, folder: Path | str) -> str:
    """Write a graph; returns a hash of its contents."""
    parts = {
        name: getattr(graph, name) for name in ("start", "payee", "count", "fen", "first", "last", "spread", "large")
    }
    return arrays.write(Path(folder), parts, {"origin": graph.origin, "span_s": graph.span_s})


def load(folder: Path | str, *, verify: bool = False) -> CompactGraph:
    """A graph whose arrays stay on disk until they are read.  Errors: NotFound, BadInput when damaged."""
    parts, facts = arrays.read(Path(folder), verify=verify)
    try:
        return CompactGraph(facts["origin"], facts["span_s"], **parts)
    except (KeyError, TypeError) as error:
        raise BadInput(f"{folder} holds no graph ({error}); write it again", field="folder") from error


def _texts(payments: pa.Table, name: str) -> list[pa.Array]:
    return [chunk.cast(pa.string()) for chunk in payments.column(name).chunks]


def _marks(payments: pa.Table, name: str) -> Marks:
    """A 64-bit mark of each id, 0 where there is none."""
    out = np.zeros(payments.num_rows, np.uint64)
    if name in payments.column_names and payments.column(name).null_count < payments.num_rows:
        texts = pa.chunked_array(_texts(payments, name), pa.string()).combine_chunks()
        texts = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts
        data, bounds = text_buffers(texts.fill_null(""))
        names_kernel.hash_all(data, bounds, out)
        out[texts.is_null().to_numpy(zero_copy_only=False)] = 0
    return out
