"""Synthetic payments, labels and ready values for the bench, built once into a cache folder and reused.

Payments lie as the lake keeps them: one copy in the role of the payee, sorted by (payee, at, event id), encoded by the
lake's own options.  Merchants are heavy-tailed (log-normal, sigma 1.8), 1 % of the payments arrive up to a week late.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.vault.lake import ROW_GROUP, layout
from indicators_spec import AS_OF_US, CHANNELS, DAY_US

SPREAD, SPAN_DAYS, PART = 1.8, 365, 1_000_000
FORM = 2  # of the files kept: one more when the lake writes otherwise
_SECOND = 1_000_000
_STAMP = pa.timestamp("us", tz="UTC")
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
FULL = {"merchants": 200_000, "events": 20_000_000, "labels": 1_000_000, "few": 4_000, "hot": 1_000_000}


def scaled(share: float) -> dict[str, int]:
    return {name: max(1, int(count * share)) for name, count in FULL.items()}


def rng(*names: object) -> np.random.Generator:
    """A generator named by words, so that no two parts of the data share one."""
    return np.random.default_rng([zlib.crc32(str(name).encode()) for name in ("bench.indicators", *names)])


def payments(folder: Path, merchants: int, events: int, *, only: str = "") -> Path:
    """The payments file of so many merchants and about so many events."""
    path = folder / f"payments{only}-{merchants}-{events}-form{FORM}.parquet"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    weight = rng("weights", merchants).lognormal(0.0, SPREAD, merchants)
    counts = np.maximum(rng("counts", merchants).poisson(weight / weight.sum() * events), 1)
    edges = np.searchsorted(np.cumsum(counts), np.arange(0, counts.sum(), PART))
    half = path.with_suffix(".half")
    writer = None
    for part, (first, end) in enumerate(zip(edges, [*edges[1:], merchants], strict=True)):
        table = _payments(rng("payments", merchants, events, part), np.arange(first, end), counts[first:end])
        writer = writer or pq.ParquetWriter(half, table.schema, **layout(table.schema))
        writer.write_table(table, row_group_size=ROW_GROUP)
    assert writer is not None
    writer.close()
    half.rename(path)
    return path


def hot(folder: Path, events: int) -> Path:
    """One merchant with so many payments in the last 180 days, beside 100 small ones."""
    path = folder / f"hot-{events}-form{FORM}.parquet"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        counts = np.array([events, *[100] * 100])
        table = _payments(rng("hot", events), np.arange(101), counts, span_days=180)
        pq.write_table(table, path, row_group_size=ROW_GROUP, **layout(table.schema))
    return path


def labels(folder: Path, merchants: int, count: int) -> Path:
    """Rows (subject, as_of): merchants at random, moments at random in the last half year, on whole seconds + 0.5."""
    path = folder / f"labels-{merchants}-{count}.parquet"
    if not path.is_file():
        random = rng("labels", merchants, count)
        back = random.integers(0, 180 * 86_400, count) * _SECOND + _SECOND // 2
        subject = names("m", random.integers(0, merchants, count), 7)
        table = pa.table({"subject": subject, "as_of": pa.array(AS_OF_US - back).cast(_STAMP)})
        pq.write_table(table, path)
    return path


def ready_values(folder: Path, merchants: int, each: int = 10) -> Path:
    """Values worked out beforehand, two columns, `each` rows a merchant over the year, sorted: what Feast joins."""
    path = folder / f"ready-{merchants}-{each}-form{FORM}.parquet"
    if not path.is_file():
        random = rng("ready", merchants)
        back = np.sort(random.integers(0, SPAN_DAYS * 86_400, (merchants, each)), axis=1)[:, ::-1].ravel()
        at = pa.array(AS_OF_US - back * _SECOND).cast(_STAMP)
        size = merchants * each
        table = pa.table({
            "event_id": ids(random, size), "taxpayer": names("m", np.repeat(np.arange(merchants), each), 7),
            "at": at, "arrived": at, "revenue_fen": random.integers(0, 2**24, size),
            "tax_fen": random.integers(0, 2**24, size),
        })  # fmt: skip
        pq.write_table(table, path, row_group_size=ROW_GROUP, **layout(table.schema))
    return path


def names(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    text = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), text, "")


def ids(random: np.random.Generator, count: int) -> pa.Array:
    """Event ids: 32 hex characters, as the record mints them."""
    raw = random.integers(0, 256, (count, 16), np.uint8)
    text = np.empty((count, 32), np.uint8)
    text[:, 0::2], text[:, 1::2] = _HEX[raw >> 4], _HEX[raw & 15]
    offsets = np.arange(0, 32 * (count + 1), 32, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def _payments(
    random: np.random.Generator, merchant: np.ndarray, counts: np.ndarray, span_days: int = SPAN_DAYS
) -> pa.Table:
    size = int(counts.sum())
    who = np.repeat(np.arange(len(merchant)), counts)
    pool = np.maximum(counts**0.8, 2.0)[who]  # regulars: each merchant has customers of its own
    customer = (pool * random.random(size) ** 1.6).astype(np.int64)
    payer = (merchant[who] * np.int64(2_654_435_761) + customer * np.int64(40_503)) % np.int64(5_000_000)
    day = random.integers(0, span_days, size)
    hour = (random.beta(4.0, 2.6, size) * 86_400).astype(np.int64)  # the shop's afternoon, in local time
    at = AS_OF_US - (day + 1) * DAY_US + ((hour - 8 * 3_600) % 86_400) * _SECOND
    late = np.where(random.random(size) < 0.01, random.integers(0, 7 * 86_400, size), random.integers(0, 60, size))
    level = np.exp(random.normal(8.3, 1.0, len(merchant)))[who]  # about 40 yuan a payment
    amount = np.clip(level * random.lognormal(0.0, 0.9, size), 1, 3_000_000_00).astype(np.int64)
    habit = random.dirichlet((6.0, 2.0, 1.0, 1.0, 0.5), len(merchant)).cumsum(axis=1)[who]
    channel = (random.random(size)[:, None] > habit[:, :-1]).sum(axis=1).astype(np.int8)
    made = ids(random, size)
    order = np.lexsort((np.frombuffer(made.buffers()[2], "S32"), at, who))
    take = pa.array(order)
    return pa.table({
        "event_id": made.take(take),
        "at": pa.array(at[order]).cast(_STAMP),
        "arrived": pa.array(at[order] + late[order] * _SECOND).cast(_STAMP),
        "payee": names("m", merchant[who], 7),
        "payer": names("p", payer[order], 7),
        "amount_fen": amount[order],
        "channel": pa.DictionaryArray.from_arrays(channel[order], CHANNELS).cast(pa.string()),
    })  # fmt: skip
