"""Grants that people gave the lender: past borrowers, and those who will ask for a line."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.economy import Economy
from dandelion.world.names import Names, instants, picked, text

PURPOSES = ("credit", "training", "servicing")
DATA_KINDS = (
    "payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places", "evidence", "ledger",
)  # fmt: skip
RECIPIENT = "lender"
WOULD_APPLY = 0.85  # of merchants who never borrowed
NARROW, WITHDRAWN, NO_TRAINING = 0.03, 0.01, 0.05
SHORT_OF = "credit_reports"  # what a narrow grant leaves out


def consents_table(economy: Economy, names: Names, first_decided: Ints) -> pa.Table:
    """Columns: grant, subject, purpose, data_kinds, recipient, from, until.

    `first_decided` is (merchants,) the first decision of the past book, -1 for none.  Subjects are merchants' accounts,
    the owners of registered ones, and private collectors who would apply too.  Half of the would-be applicants gave
    theirs before the record ends by 200 days, the rest later.
    """
    rng = generator(economy.seed, Purpose.CONSENTS)
    merchants, almanac = economy.merchants, economy.almanac
    borrowed = first_decided >= 0
    applies = borrowed | (rng.random(len(merchants)) < WOULD_APPLY)
    waiting = almanac.end_us - rng.integers(1, 400, len(merchants)) * DAY_US
    since = np.where(
        borrowed, np.maximum(first_decided - DAY_US, almanac.start_us), np.maximum(waiting, almanac.start_us)
    )
    rows = np.flatnonzero(applies)
    owned = rows[merchants.registered[rows]]
    private = economy.collectors.centre[rng.random(len(economy.collectors.centre)) < 0.5]
    subject = np.concatenate([merchants.account[rows], merchants.owner[owned], private])
    start = np.concatenate([since[rows], since[owned], almanac.end_us - rng.integers(1, 400, len(private)) * DAY_US])
    start = np.maximum(start, almanac.start_us)
    count = len(subject)
    until = np.full(count, almanac.end_us + 730 * DAY_US)
    gone = rng.random(count) < WITHDRAWN
    until[gone] = start[gone] + rng.integers(30, 300, int(gone.sum())) * DAY_US
    narrow = rng.random(count) < NARROW
    teaches = rng.random(count) >= NO_TRAINING
    whole, less = list(DATA_KINDS), [kind for kind in DATA_KINDS if kind != SHORT_OF]
    tables = []
    for number, purpose in enumerate(PURPOSES):
        given = np.flatnonzero(teaches) if purpose == "training" else np.arange(count)
        kinds = pa.array([less if narrow[i] else whole for i in given], pa.list_(pa.string()))
        tables.append(pa.table({
            "grant": text(given * 3 + number, "grant-"), "subject": names.account(subject[given]),
            "purpose": picked(PURPOSES, np.full(len(given), number)).dictionary_decode(), "data_kinds": kinds,
            "recipient": pa.array([RECIPIENT] * len(given)), "from": instants(start[given]), "until": instants(until[given]),
        }))  # fmt: skip
    return pa.concat_tables(tables)
