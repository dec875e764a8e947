"""Builds a world: founds the economy, plays it month by month, lends as the naive lender did, writes record and truth."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.world.almanac import TZ, text_of
from dandelion.world.book import Book, lend
from dandelion.world.bursts import Burst
from dandelion.world.consents import consents_table
from dandelion.world.economy import Economy, found_economy
from dandelion.world.fate import BAD_DPD, BAD_WINDOW_DAYS
from dandelion.world.months import Takings, play
from dandelion.world.names import Names
from dandelion.world.record import PREFIX, RecordWriter, empty_kind, write_table
from dandelion.world.registry import accounts_table, write_registry
from dandelion.world.repayments import all_events, events_table, first_decisions, loans_table
from dandelion.world.truth import decide_fates, write_truth

FORMAT = 1  # of the folder; raised when its layout changes
Progress = Callable[[str, int, int], None]  # (what, done, of)


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """What was built.  `counts` is rows by event kind, `events` their sum; times are UTC microseconds."""

    folder: str
    format: int
    seed: int
    people: int
    months: int
    null: bool
    hard: bool
    schemes: bool
    start_us: int
    end_us: int
    start: str
    end: str
    tz: str
    accounts: int
    merchants: int
    borrowers: int
    loans: int
    bads_matured: int
    bad_window_days: int
    bad_dpd: int
    events: int
    counts: dict[str, int]
    cpu_seconds: float
    events_per_cpu_second: int


def build(
    out: Path, *, people: int = 20_000, months: int = 30, seed: int = 310, null: bool = False, hard: bool = False,
    schemes: bool = False, progress: Progress | None = None,
) -> WorldSummary:  # fmt: skip
    """Build a world under `out` (see docs/world.md for the layout).  The same arguments give the same columns.

    `hard` adds private people whom strangers pay and sellers whom friends pay; `schemes` adds device farms, wary circles of
    invoices and their honest look-alikes; without them nothing changes.

    A folder that holds an earlier world is replaced; any other folder that is not empty is refused (BadInput).
    """
    started = time.process_time()
    out = Path(out)
    _clear(out)
    economy = found_economy(seed, people, months, null, hard, schemes)
    names = Names(seed, len(economy.accounts), len(economy.accounts) + people)
    merchants = len(economy.merchants)
    takings = Takings(np.zeros((merchants, months), np.int64), np.zeros((merchants, months), np.int64))
    bursts: list[Burst] = []
    record = out / "record"
    with RecordWriter(record) as writer:
        write_registry(economy, names, writer)
        for month in range(months):
            writer.start_month(month)
            for town in range(economy.people.towns):
                bursts += play(economy, names, town, month, writer, takings)
            if progress is not None:
                progress("months", month + 1, months)
    for kind in PREFIX:
        if writer.counts[kind] == 0:
            write_table(record / f"{kind}.parquet", empty_kind(kind))
    fates = decide_fates(economy, takings)
    book = lend(fates, takings.receipts_fen, economy.merchants.opened)
    bads = _write_book(record, economy, names, book)
    write_table(record / "accounts.parquet", accounts_table(economy, names))
    first = first_decisions(book, merchants)
    write_table(record / "consents.parquet", consents_table(economy, names, first))
    write_truth(out / "truth", economy, names, takings, fates, bursts)
    return _sign(out, economy, book, bads, dict(sorted(writer.counts.items())), time.process_time() - started)


def _clear(out: Path) -> None:
    if not out.exists():
        out.mkdir(parents=True)
        return
    if not out.is_dir():
        raise BadInput(f"{out} is a file; name a folder", field="out")
    left = {path.name for path in out.iterdir()}
    if left and not left <= {"world.json", "record", "truth"}:
        raise BadInput(f"{out} holds other things ({min(left)}); name an empty or new folder", field="out")
    for name in ("record", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "world.json").unlink(missing_ok=True)


def _write_book(record: Path, economy: Economy, names: Names, book: Book) -> int:
    firm, end_us = economy.merchants.firm, economy.almanac.end_us
    events = all_events(book, firm).before(end_us)
    accounts = names.account(economy.merchants.account[book.merchant])
    loans = loans_table(book, events, firm, accounts, end_us)
    write_table(record / "loans.parquet", loans)
    write_table(record / "loan_events.parquet", events_table(book, events, names, economy.merchants.account))
    return int(np.count_nonzero(loans.column("bad").fill_null(False).to_numpy()))


def _sign(
    out: Path, economy: Economy, book: Book, bads: int, counts: dict[str, int], cpu_seconds: float
) -> WorldSummary:
    """Write world.json last: a folder without it is not a world."""
    almanac, events = economy.almanac, sum(counts.values())
    summary = WorldSummary(
        folder=str(out), format=FORMAT, seed=economy.seed, people=economy.people.count, months=almanac.months,
        null=economy.null, hard=economy.hard, schemes=len(economy.schemes) > 0, start_us=almanac.start_us, end_us=almanac.end_us, start=text_of(almanac.start_us),
        end=text_of(almanac.end_us), tz=TZ, accounts=len(economy.accounts), merchants=len(economy.merchants),
        borrowers=len(np.unique(book.merchant)), loans=len(book), bads_matured=bads, bad_window_days=BAD_WINDOW_DAYS,
        bad_dpd=BAD_DPD, events=events, counts=counts, cpu_seconds=round(cpu_seconds, 2),
        events_per_cpu_second=round(events / max(cpu_seconds, 1e-9)),
    )  # fmt: skip
    about = {
        key: value
        for key, value in asdict(summary).items()
        if key not in ("folder", "cpu_seconds", "events_per_cpu_second")
        and (key, value) not in (("hard", False), ("schemes", False))
    }
    about["versions"] = {"world": FORMAT, "numpy": np.__version__, "pyarrow": pa.__version__}
    (out / "world.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return summary
