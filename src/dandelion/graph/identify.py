"""Who is a business: the shipped model on the portrait of every account, with three reasons in plain words.

The probability is calibrated on simulated towns; elsewhere its order is what has been tested (see docs/graph.md).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import PPM, BadInput, Column, Frame, canonical, content_hash
from dandelion.graph.edges import Edges
from dandelion.graph.identify_reasons import reasons
from dandelion.graph.lookalikes import transfer
from dandelion.graph.payments import Payments, read_payments
from dandelion.graph.portrait import Portrait, portray, portray_edges
from dandelion.graph.rules import Rules, standard_rules
from dandelion.models import Model

SCORES = pa.schema(
    [("account", pa.string()), ("probability", pa.float32()), ("reason_1", pa.string()), ("reason_2", pa.string()),
     ("reason_3", pa.string())]
)  # fmt: skip
VERSION = 2  # of what the portrait's columns mean
FOREVER = 2**62
RAW_SHARE = 0.01  # of the uncalibrated score in the probability
UNPAID_SHARE = "unpaid_share_ppm"  # in a model's provenance: businesses among those nobody paid, where it learnt


@lru_cache(maxsize=1)
def shipped_model() -> Model:
    """The model in the package; `graph/shipped/business.md` is its card and names the command that rebuilds it."""
    return Model.from_bytes(_shipped_bytes())


@lru_cache(maxsize=1)
def shipped_hash() -> str:
    """Names the shipped model without reading it in."""
    return content_hash(_shipped_bytes())


def _shipped_bytes() -> bytes:
    return resources.files("dandelion.graph").joinpath("shipped/business.json").read_bytes()


def identify(
    payments: pa.Table,
    *,
    known: Collection[str] = (),
    rules: Rules | None = None,
    tz: str = "Asia/Shanghai",
    model: Model | None = None,
) -> pa.Table:
    """Rows of `SCORES`, the most likely businesses first: every account that pays or is paid.

    `known` are merchants known to be such: what sets them apart in this very file then counts beside the model (everybody
    else stays unlabelled, nobody is taken for private).  Errors (BadInput): as :func:`read_payments`; too few known merchants found.
    """
    rules = standard_rules() if rules is None else rules
    paid = read_payments(payments, FOREVER)
    portrait = portray(paid, rules, tz)
    frame = portrait_frame(paid, portrait)
    model = shipped_model() if model is None else model
    most_ppm = np.where(portrait.payers > 0, PPM, unpaid_share_ppm(model))
    share = np.minimum(_rising(model, frame), most_ppm / PPM)
    ppm = np.minimum(model.score(frame), most_ppm)
    if known:
        share = transfer(portrait, share, _rows_of(paid, known))
        ppm = np.rint(share * PPM).astype(np.int64)
    told = reasons(portrait, model, frame, ppm, rules.people_min)
    order = np.lexsort((np.arange(len(ppm)), -share))
    table = pa.table(
        {"account": paid.accounts, "probability": pa.array(share.astype(np.float32)),
         **{f"reason_{i + 1}": pa.array(told[i], pa.string()) for i in range(3)}},
        schema=SCORES,
    )  # fmt: skip
    return table.take(pa.array(order))


def unpaid_share_ppm(model: Model) -> int:
    """What the model may say at most of an account that nobody paid.  Errors (BadInput): a model without that figure."""
    share = model.provenance.get(UNPAID_SHARE)
    if not isinstance(share, int):
        raise BadInput(f"the model's provenance lacks {UNPAID_SHARE}; train it again with: dandelion models "
                       "train-identification", field=UNPAID_SHARE)  # fmt: skip
    return share


def business_chances(edges: Edges, rules: Rules, tz: str) -> npt.NDArray[np.float64]:
    """Probability of being a business, of every account of prepared edges; NaN for those with too few payers to speak of."""
    portrait = portray_edges(edges, rules, tz)
    chance = _rising(shipped_model(), portrait_frame(edges.payments, portrait))
    return np.where(portrait.payers >= rules.people_min, chance, np.nan)


def _rising(model: Model, frame: Frame) -> npt.NDArray[np.float64]:
    """Calibrated probabilities that keep the order of the raw score where the calibration is flat (at both ends)."""
    raw = model.raw(frame)
    return np.asarray((1 - RAW_SHARE) * model.calibration(raw) / PPM + RAW_SHARE / (1 + np.exp(-raw / PPM)))


def portrait_frame(paid: Payments, portrait: Portrait) -> Frame:
    """The portrait as a Frame: one row an account, as of the last payment."""
    n = len(portrait.values)
    moments = np.full(n, int(paid.at.max()) + 1 if len(paid) else 0, np.int64)
    names = tuple(f"graph.portrait/{name}" for name in portrait.names)
    entity = np.asarray(paid.accounts.to_pylist(), object)
    return Frame(entity, moments, moments, names, portrait.values, {name: _entry(name) for name in names}, {})


@lru_cache(maxsize=256)
def _entry(name: str) -> Column:
    digest = content_hash(canonical({"room": "graph", "part": "portrait", "version": VERSION, "id": name}))
    word = name.rsplit("/", 1)[1].replace("_", " ")
    return Column(name, "ratio", (None, None), "nothing_to_measure", "graph", "credit", digest, f"账户画像：{word}",
                  f"Portrait of the account: {word}", ("payments",))  # fmt: skip


def _rows_of(paid: Payments, known: Collection[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    place = {name: i for i, name in enumerate(paid.accounts.to_pylist())}
    rows = np.array(sorted({place[name] for name in known if name in place}), np.int64)
    if len(rows) < 20:
        raise BadInput(f"{len(rows)} of {len(known)} known merchants appear in the payments; give at least 20 that do, or leave "
                       "--known out", field="known")  # fmt: skip
    return rows
