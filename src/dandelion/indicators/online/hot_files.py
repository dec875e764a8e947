"""The files of a subject with very many events: its older events, where the newer ones begin, and tiles.

They lie in a folder beside the log and are only ever a copy: the store and the log hold the same events.  So whatever does not fit (another
layout, another log, a checksum that is wrong, a newer horizon of what was trimmed) is removed, and made anew when it is asked for.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.indicators import tile_file
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.growing import Growing
from dandelion.indicators.layout import AT
from dandelion.indicators.layout import Layout as Lines
from dandelion.indicators.online.array_file import ArrayFile, write_arrays
from dandelion.indicators.online.corrections import Corrections
from dandelion.indicators.online.layout import Key
from dandelion.indicators.online.packing import Words64
from dandelion.indicators.program import Program
from dandelion.indicators.tiles import Tiles

Corrected = tuple[Words64, Ints]  # hashes of the ids of events that were corrected, in order, and since when
OLDER, RECENT, TILES = ".older", ".recent", ".tiles"
FORMAT = 1


@dataclass(frozen=True)
class Older:
    """The older events of one subject, mapped; `ids` are the hashes of their ids, in order."""

    path: Path
    checksum: int
    block: Block
    known: tuple[tuple[Hashes, Ints], ...]
    ids: Words64
    corrected: Corrected
    programs: dict[int, tuple[Program, str]] = field(
        default_factory=dict
    )  # that asked for tiles, with their fingerprints
    written: set[str] = field(default_factory=set)  # fingerprints whose tiles lie in files


@dataclass(frozen=True)
class Kept:
    """What the files of one subject say before they are mapped for good: all events up to `position` of the log, whose record there has
    the checksum `logged`, are in them."""

    older: Path
    key: Key
    subject: str
    checksum: int
    last_at: int  # of the older events
    horizon: int
    position: int
    logged: int
    size: int
    written: float  # when its recent records were, by the file system

    @property
    def name(self) -> str:
        return self.older.stem.partition(".")[0]


class HotFiles:
    """`stamp` names what the state keeps of an event."""

    def __init__(self, folder: Path, stamp: str) -> None:
        self.folder, self._stamp = folder, stamp

    def name(self, key: Key, subject: str) -> str:
        said = "\0".join((self._stamp, *key, subject))
        return hashlib.blake2b(said.encode(), digest_size=16, person=b"hot subject").hexdigest()

    def all(self) -> list[Kept]:
        """Every subject whose files are whole, the newest of each; everything else is removed.  Every byte is read."""
        left = set(self.folder.iterdir()) if self.folder.is_dir() else set()
        newest: dict[str, tuple[Kept, set[Path]]] = {}
        for path in sorted(left):
            recent = ArrayFile.open(path) if path.suffix == RECENT else None
            older = None if recent is None else ArrayFile.open(path.with_suffix(OLDER))
            if recent is None or older is None or not self._fits(path, recent, older):
                continue
            mine, size = {path, path.with_suffix(OLDER)}, recent.size + older.size
            for tiles in self.folder.glob(f"{path.stem}.*{TILES}"):
                made = ArrayFile.open(tiles)
                if made is not None and made.said.get("older") == older.checksum:
                    mine.add(tiles)
                    size += made.size
            said, last_at = older.said, int(older.arrays["data"][AT, -1])
            key = said["kind"], said["role"]
            kept = Kept(path.with_suffix(OLDER), key, said["subject"], older.checksum, last_at, said["horizon"],
                        recent.said["position"], recent.said["logged"], size, path.stat().st_mtime)  # fmt: skip
            other = newest.get(kept.name)
            if other is None or kept.position > other[0].position:
                newest[kept.name] = kept, mine
        for path in left.difference(*(mine for _, mine in newest.values())):
            path.unlink(missing_ok=True)
        return sorted((kept for kept, _ in newest.values()), key=lambda kept: kept.written)

    def _fits(self, path: Path, recent: ArrayFile, older: ArrayFile) -> bool:
        said = older.said
        return bool(
            said.get("format") == FORMAT
            and recent.said.get("checksum") == older.checksum
            and path.stem.partition(".")[0] == self.name((said["kind"], said["role"]), said["subject"])
            and older.arrays["data"].shape[1]
        )

    def write(
        self, key: Key, subject: str, growing: Growing, ids: Words64, corrected: Corrected, horizon: int,
        records: bytes, position: int, logged: int,
    ) -> tuple[Kept, Older]:  # fmt: skip
        """The older events as a file, mapped.  Errors: OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name, block = self.name(key, subject), growing.older
        arrays: dict[str, Any] = {"data": block.data, "ids": ids, "corrected": corrected[0], "since": corrected[1]}
        for p, (hashes, (known, numbers)) in enumerate(zip(block.hashes, growing.known, strict=True)):
            arrays |= {f"hashes/{p}": hashes, f"known/{p}": known, f"numbers/{p}": numbers}
        said = {
            "format": FORMAT, "kind": key[0], "role": key[1], "subject": subject, "layout": block.layout.hash,
            "horizon": horizon, "parties": len(block.hashes),
        }  # fmt: skip
        tries = (f"{name}.{position}-{n}{OLDER}" for n in itertools.count())
        path = next(path for path in map(self.folder.joinpath, tries) if not path.exists())
        write_arrays(path, said, arrays)
        older = self._mapped(path, block.layout, at_hand=True)
        if older is None:
            raise OSError(f"what was written to {path} is not there")
        kept = Kept(path, key, subject, older.checksum, int(block.data[AT, -1]), horizon, position, logged,
                    path.stat().st_size, 0.0)  # fmt: skip
        self.write_recent(kept, records)
        return kept, older

    def tidy(self, kept: Kept) -> None:
        """Remove the subject's files of before."""
        for path in self.folder.glob(f"{kept.name}.*"):
            if not path.name.startswith(f"{kept.older.stem}."):
                path.unlink(missing_ok=True)

    def write_recent(self, kept: Kept, records: bytes) -> None:
        """Errors: OSError."""
        said = {"checksum": kept.checksum, "position": kept.position, "logged": kept.logged}
        write_arrays(kept.older.with_suffix(RECENT), said, {"records": np.frombuffer(records, np.uint8)})

    def older(self, kept: Kept, layout: Lines) -> Older | None:
        """Mapped; it was verified when it was written or found.  None where it is another one, or gone."""
        found = self._mapped(kept.older, layout)
        return found if found is not None and found.checksum == kept.checksum else None

    def _mapped(self, path: Path, layout: Lines, *, at_hand: bool = False) -> Older | None:
        file = ArrayFile.open(path, verify=False, at_hand=at_hand)
        if file is None or file.said["layout"] != layout.hash:
            return None
        arrays, parties = file.arrays, range(file.said["parties"])
        data, hashes = arrays["data"], tuple(arrays[f"hashes/{p}"] for p in parties)
        bounds = tuple(np.array([0, len(one)], np.int64) for one in hashes)
        block = Block(
            layout,
            pa.array([file.said["subject"]], pa.string()),
            np.array([0, data.shape[1]], np.int64),
            data,
            bounds,
            hashes,
        )
        known = tuple((arrays[f"known/{p}"], arrays[f"numbers/{p}"]) for p in parties)
        return Older(path, file.checksum, block, known, arrays["ids"], (arrays["corrected"], arrays["since"]))

    def same_corrections(self, kept: Kept, corrections: Corrections) -> bool:
        """Whether of the older events those are corrected that were when they were written, since the same moments."""
        file = ArrayFile.open(kept.older, verify=False)
        if file is None:
            return False
        pairs = zip(
            corrections.among(file.arrays["ids"]), (file.arrays["corrected"], file.arrays["since"]), strict=True
        )
        return all(np.array_equal(one, other) for one, other in pairs)

    def recent(self, kept: Kept) -> bytes | None:
        """Records of the events that are not among the older ones, up to that position or further."""
        file = ArrayFile.open(kept.older.with_suffix(RECENT))
        if file is None or file.said["checksum"] != kept.checksum or file.said["position"] < kept.position:
            return None
        return file.arrays["records"].tobytes()

    def tiles(
        self, kept: Kept, older: Older, program: Program, fingerprint: str, *, at_hand: bool = False
    ) -> Tiles | None:
        """Those kept for this program."""
        file = ArrayFile.open(self._tiles_path(kept, fingerprint), verify=False, at_hand=at_hand)
        if file is None or file.said.get("older") != older.checksum:
            return None
        return tile_file.read(file.said["tiles"], file.arrays, program, older.block)

    def write_tiles(self, kept: Kept, older: Older, fingerprint: str, tiles: Tiles) -> int:
        """Bytes written.  Errors: OSError."""
        said, arrays = tile_file.told(tiles)
        path = self._tiles_path(kept, fingerprint)
        write_arrays(path, {"older": older.checksum, "tiles": said}, arrays)
        return path.stat().st_size

    def clear(self) -> None:
        """Remove everything."""
        for path in list(self.folder.iterdir()) if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        for path in self.folder.glob(f"{name}.*"):
            path.unlink(missing_ok=True)

    def _tiles_path(self, kept: Kept, fingerprint: str) -> Path:
        return self.folder / f"{kept.older.stem}.{fingerprint[:32]}{TILES}"
