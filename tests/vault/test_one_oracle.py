"""Tail, sealed files and lake, in any mixture and order, must read as one plain list of events would."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dandelion.core import DAY_US, ManualClock, from_table, to_table
from dandelion.vault import SYSTEM, NewGrant, Vault
from support.records import LENDER, TERMS, expected, payment

NAMES = ["m1", "m2", "m3"]
_tenants = itertools.count()


@st.composite
def histories(draw: st.DrawFn):
    """Steps: a batch to append or ingest (events by number, with corrections and repeats), or compact, or seal."""
    count = draw(st.integers(1, 25))
    made = []
    for number in range(count):
        made.append(
            {
                "number": number,
                "day": draw(st.integers(0, 450)),
                "lag": draw(st.integers(0, 40)),
                "payee": draw(st.sampled_from(NAMES)),
                "payer": draw(st.sampled_from(NAMES)),
                "replaces": draw(st.one_of(st.none(), st.none(), st.integers(0, count))),
            }
        )
    steps = []
    left = draw(st.permutations(made))
    while left:
        size = draw(st.integers(1, len(left)))
        batch, left = left[:size], left[size:]
        repeated = draw(st.lists(st.sampled_from(made), max_size=3)) if steps else []
        steps.append((draw(st.sampled_from(["append", "ingest"])), batch + repeated))
        steps += [(what, []) for what in draw(st.lists(st.sampled_from(["compact", "seal"]), max_size=2))]
    return steps


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=histories(),
    days=st.sampled_from([30, 400]),
    cut=st.integers(0, 490),
    known=st.integers(0, 490),
    start=st.integers(0, 490),
)
def test_any_mixture_of_append_ingest_compact_and_seal_reads_as_one_list(
    vault: Vault, clock: ManualClock, days: int, steps, cut: int, known: int, start: int
) -> None:
    tenant = f"t{next(_tenants)}"
    begin = clock.now() - 500 * DAY_US
    everything = {}

    def event(spec):
        at = begin + spec["day"] * DAY_US
        replaces = None if spec["replaces"] is None else f"{spec['replaces']:032x}"
        return payment(
            spec["number"], at, arrived=at + spec["lag"] * DAY_US, payee=spec["payee"], payer=spec["payer"],
            replaces=replaces,
        )  # fmt: skip

    with vault.unit_of_work(tenant) as work:
        until = clock.now() + DAY_US
        for purpose, name in itertools.product(("credit", "training"), NAMES):
            vault.consents.grant(work, NewGrant(name, purpose, ("payments",), LENDER, until, TERMS), SYSTEM)
    for what, batch in steps:
        events = [event(spec) for spec in batch]
        for one in events:
            everything.setdefault(one.event_id, one)
        if what == "append":
            vault.append(tenant, events)
        elif what == "ingest":
            vault.ingest(tenant, "payment", to_table(events), source="bank")
        elif what == "compact":
            vault.compact(tenant)
        else:
            vault.seal(tenant, days=days)
    plain = list(everything.values())
    moments = [(0, 500, 500), (0, 500, known), (start, max(start, cut), known)]
    for role, (low, high, seen) in itertools.product(("payee", "payer"), moments):
        span = [begin + day * DAY_US for day in (low, high, seen)]
        whole = []
        for name in NAMES:
            with vault.open(
                tenant, name, purpose="credit", recipient=LENDER, as_of=span[1], known_at=span[2]
            ) as record:
                got = from_table("payment", record.events("payment", role, span[0]))
            assert got == expected(plain, role, name, *span)
            whole += got
        with vault.bulk(tenant, recipient=LENDER, as_of=span[1], known_at=span[2]) as bulk:
            assert from_table("payment", bulk.events("payment", role, span[0])) == whole
            history = bulk.events("payment", role, span[0], history=True)
        arrivals = {}
        for one in plain:
            if one.replaces is not None:
                arrivals[one.replaces] = min(one.arrived, arrivals.get(one.replaces, one.arrived))
        for id_, hidden in zip(
            history.column("event_id").to_pylist(), history.column("hidden_from").to_pylist(), strict=True
        ):
            assert hidden == arrivals.get(id_)
