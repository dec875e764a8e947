"""`FlowGraph`: who paid whom as of a boundary, and what that says about every account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import DAY_US, Frame, MoneyColumn, canonical, content_hash
from dandelion.core.frame import Ints
from dandelion.graph.catalogue import CENTRES, CROWD, MONEY, ONCE, PER_WINDOW, catalogue
from dandelion.graph.circular import circular_receipts
from dandelion.graph.devices import shared_devices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.households import Households, households
from dandelion.graph.identify import business_chances
from dandelion.graph.identity_size import identity_sizes
from dandelion.graph.measures import Flags, Measures, measure
from dandelion.graph.neighbours import around, base_columns
from dandelion.graph.odd import oddness
from dandelion.graph.ownership import OwnerLine
from dandelion.graph.payments import Bools, Payments, encode, instants, read_payments, visible
from dandelion.graph.reading import Plan
from dandelion.graph.relations import Relations, joined, paid_edges, relations
from dandelion.graph.ring_evidence import by_account
from dandelion.graph.rings import find_rings
from dandelion.graph.risk import BadNews
from dandelion.graph.rules import Rules, standard_rules
from dandelion.graph.supply import supply_figures
from dandelion.graph.two_centres import Centres, control_ties, two_centres

_PLANS_KEPT = 64  # sets of columns and grants that are asked for again and again


@dataclass(frozen=True)
class FlowGraph:
    """A snapshot.  Rows of `frame` and `ties` are the `accounts`, in order; everything was known before `as_of`."""

    as_of: int
    accounts: pa.Array  # sorted
    ties: Ties  # undirected neighbours over the longest window
    frame: Frame  # one row per account
    rings: pa.Table
    households: Households

    def __len__(self) -> int:
        return len(self.accounts)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.accounts.to_pylist())}

    @cached_property
    def _plans(self) -> dict[tuple[tuple[str, ...] | None, frozenset[str] | None], Plan]:
        return {}

    def plan(self, names: tuple[str, ...] | None, granted: frozenset[str] | None) -> Plan:
        """How these columns are read under this grant; made once.  Errors (BadInput): a column that is not there."""
        found = self._plans.get((names, granted))
        if found is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            found = self._plans[names, granted] = Plan.of(self.frame, names, granted)
        return found

    def rows(self, subjects: Sequence[str]) -> Ints:
        """Row of each subject, -1 for one that neither paid nor was paid."""
        if len(subjects) > 1000:
            found = pc.index_in(pa.array(subjects, pa.string()), value_set=self.accounts)
            return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)
        return np.array([self._place.get(name, -1) for name in subjects], np.int64)


def snapshot(
    payments: pa.Table,
    as_of: int,
    *,
    logins: pa.Table | None = None,
    roles: pa.Table | None = None,
    shareholdings: pa.Table | None = None,
    invoices: pa.Table | None = None,
    identifiers: pa.Table | None = None,
    rules: Rules | None = None,
    tz: str = "Asia/Shanghai",
    news: Sequence[BadNews] = (),
) -> FlowGraph:
    """Everything as of a boundary: events with ``at < as_of`` that had arrived before it.  Risk flows from flagged rings
    and from `news` (defaults, frauds and distress the lender knows of) along payments, invoices, holdings, offices and
    phones.  `identifiers` (party, kind, value) join phones in telling who seems to be one person.

    `payments` in any order, each payment once (payer, payee, at, amount_fen; arrived, event_id, replaces, channel,
    device where present).  Errors (BadInput): as :func:`read_payments`.
    """
    rules = standard_rules() if rules is None else rules
    longest = max(rules.windows_days)
    reach = (longest + rules.circular.days) * DAY_US
    paid = read_payments(payments, as_of, since=as_of - reach)
    edges = Edges.of(paid)
    circular = circular_receipts(edges, rules.circular)
    homes = households(roles, shareholdings, logins, as_of=as_of, rules=rules.households)
    flags = Flags(
        circular, _same_home(edges, _Homes.read(homes, paid.accounts)), _left_out(edges, roles, shareholdings, as_of)
    )
    shared = shared_devices(paid, logins, as_of, as_of, accounts_max=rules.devices.accounts_max)
    windows: dict[int, Measures] = {}
    for days in rules.windows_days:
        recent = edges.payments.at >= as_of - days * DAY_US
        inside = Flags(flags.circular[recent], flags.household[recent], flags.left_out[recent])
        windows[days] = measure(Edges.of(edges.payments.keep(recent)), inside, shared, rules, tz, days)
    within = Edges.of(edges.payments.keep(edges.payments.at >= as_of - longest * DAY_US))
    ties = Ties.of(within)
    rings = find_rings(within, ties, shared, rules, tz)
    told = relations(as_of, roles=roles, shareholdings=shareholdings, logins=logins, invoices=invoices)
    along = joined(as_of, paid_edges(within), told)
    line = OwnerLine(rules.households.share_ppm_min, True, "rules.yaml: households")
    known = [*news, *_ring_news(rings, as_of)]
    centres = two_centres(paid.accounts.to_pylist(), as_of, shareholdings, roles, along, known, line)
    business = business_chances(within, rules, tz)
    frame = _frame(as_of, within.payments, windows, rings, business, homes, centres, rules, tz)
    lately = _Recent.of(edges, min(rules.windows_days), as_of, invoices)
    same = identity_sizes(paid.accounts, as_of, logins, identifiers)
    frame = frame.beside(_surroundings(frame, lately, same, rules, tz))
    together = homes.joined(control_ties(shareholdings, roles, as_of))  # what is owed together goes by control as well
    return FlowGraph(as_of, paid.accounts, ties, frame, rings, together)


@dataclass(frozen=True, slots=True)
class _Recent:
    """Ties and trade of the shortest window."""

    window: str
    ties: Ties
    trade: Relations

    @classmethod
    def of(cls, edges: Edges, days: int, as_of: int, invoices: pa.Table | None) -> _Recent:
        since = as_of - days * DAY_US
        inside = Edges.of(edges.payments.keep(edges.payments.at >= since))
        if invoices is not None:
            invoices = invoices.filter(pa.array(instants(invoices.column("at")) >= since))
        return cls(f"{days}d", Ties.of(inside), joined(as_of, paid_edges(inside), relations(as_of, invoices=invoices)))


def _surroundings(frame: Frame, recent: _Recent, same: npt.NDArray[np.float64], rules: Rules, tz: str) -> Frame:
    """Columns that look past an account's own payments: suppliers and customers, neighbours, the crowd, its doubles."""
    entries, window = catalogue(rules.windows_days, rules_hash(rules, tz)), recent.window
    row = recent.trade.parties.rows(pa.array(frame.entity, pa.string()))
    odd = oddness(frame, window, rules.people_min)
    crowd = {"odd_score": odd.score, "odd_rank": odd.rank, "identity_size": same}
    columns = {
        **{CROWD[measure][0].format(w=window): values for measure, values in crowd.items()},
        **{name: values[row] for name, values in supply_figures(recent.trade, f"{window}/").items()},
        **around(frame, recent.ties, np.arange(len(frame)), base_columns(min(rules.windows_days))),
    }
    return Frame.of(
        frame.entity.tolist(), frame.as_of, frame.known_at, columns, {name: entries[name] for name in columns}
    )


def _ring_news(rings: pa.Table, as_of: int) -> list[BadNews]:
    """Flagged members, as bad as their ring's score, since its first burst; told by the snapshot itself."""
    flagged = rings.filter(rings.column("flagged"))
    first = flagged.column("first_burst").cast(pa.int64()).to_pylist()
    columns = (flagged.column(name).to_pylist() for name in ("account", "score"))
    return [BadNews(account, score, at, as_of - 1) for account, score, at in zip(*columns, first, strict=True)]


@dataclass(frozen=True, slots=True)
class _Homes:
    """Households as numbers: `of[account]`; members of each, also those who neither paid nor were paid."""

    of: Ints
    size: Ints

    @classmethod
    def read(cls, homes: Households, accounts: pa.Array) -> _Homes:
        n = len(accounts)
        members = pa.array(list(homes.groups), pa.string())
        codes, groups = encode(pa.array(list(homes.groups.values()), pa.string()))
        place = pc.fill_null(pc.index_in(members, value_set=accounts), -1).to_numpy(zero_copy_only=False)
        own = np.arange(n, dtype=np.int64)  # a household of one each, but for those in a group
        own[place[place >= 0]] = n + codes[place >= 0]
        return cls(own, np.concatenate([np.ones(n, np.int64), np.bincount(codes, minlength=len(groups))]))

    def shops(self, shop: Bools) -> Ints:
        return np.bincount(self.of[shop], minlength=len(self.size))[self.of]


def _same_home(edges: Edges, homes: _Homes) -> Bools:
    paid = edges.payments
    return np.asarray(homes.of[paid.payer] == homes.of[paid.payee])


def _left_out(edges: Edges, roles: pa.Table | None, shareholdings: pa.Table | None, as_of: int) -> Bools:
    """Payments that verified turnover does not hold in the first place: gifts, and between holder of a role and firm."""
    paid, n = edges.payments, max(len(edges.payments.accounts), 1)
    out = paid.gift.copy()
    for table, other in ((roles, "person"), (shareholdings, "holder")):
        if table is None or not table.num_rows:
            continue
        seen = table.filter(pa.array(visible(table, as_of, as_of)))
        if other == "holder":
            seen = seen.filter(pc.greater(seen.column("share_ppm"), 0))
        a, b = (pc.fill_null(pc.index_in(seen.column(name), value_set=paid.accounts), -1) for name in ("firm", other))
        first, second = (side.to_numpy().astype(np.int64) for side in (a, b))
        known = (first >= 0) & (second >= 0)
        pairs = np.concatenate([first[known] * n + second[known], second[known] * n + first[known]])
        out |= np.isin(paid.payer.astype(np.int64) * n + paid.payee, pairs)
    return np.asarray(out)


def rules_hash(rules: Rules, tz: str) -> str:
    """Names the rules and the time zone a snapshot was made with."""
    return content_hash(canonical(_whole(asdict(rules)) | {"tz": tz}))


def _whole(value: object) -> dict[str, object]:
    """Floats as text, because what is hashed holds none."""
    assert isinstance(value, dict)
    return {k: _whole(v) if isinstance(v, dict) else repr(v) if isinstance(v, float) else v for k, v in value.items()}


def _frame(as_of: int, paid: Payments, windows: dict[int, Measures], rings: pa.Table,
           business: npt.NDArray[np.float64], homes: Households, centres: Centres, rules: Rules, tz: str) -> Frame:  # fmt: skip
    entries = catalogue(rules.windows_days, rules_hash(rules, tz))
    columns: dict[str, npt.NDArray[np.float64]] = {}
    money: dict[str, MoneyColumn] = {}
    n = len(paid.accounts)
    for days, found in windows.items():
        for field, (path, *_) in PER_WINDOW.items():
            values = getattr(found, field)
            columns[path.format(w=f"{days}d")] = values.astype(np.float64)
            if field in MONEY:
                money[path.format(w=f"{days}d")] = MoneyColumn(values, np.ones(n, np.bool_))
    names = paid.accounts.to_pylist()
    store, buyer = by_account(rings, paid.accounts)
    score = np.maximum(store, buyer)
    shop = windows[max(windows)].score >= rules.dandelion.shop_score_min
    numbered = _Homes.read(homes, paid.accounts)
    once = {
        "store_score": store, "buyer_score": buyer, "ring_score": score, "ring_member": score >= rules.rings.flag_score,
        "business_chance": business, "household_size": numbered.size[numbered.of], "household_shops": numbered.shops(shop),
    }  # fmt: skip
    columns |= {ONCE[field][0]: np.asarray(values, np.float64) for field, values in once.items()}
    columns |= {CENTRES[field][0]: getattr(centres, field) for field in CENTRES}
    moments = np.full(n, as_of, np.int64)
    return Frame.of(names, moments, moments, columns, entries, money)
