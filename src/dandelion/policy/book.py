"""A strategy book: a folder of YAML and CSV, read whole, checked, run against its own examples, and named by a hash.

``book.yaml`` declares aliases, scores, constants, lists, vouchers, levers and the experiment; ``reasons.yaml`` the
reasons; every other ``*.yaml`` and every ``*.csv`` table says what it protects against and holds strategies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dandelion.core import PPM, BadInput, Column, canonical, content_hash
from dandelion.policy.check import Finding, check_against, check_book, run_examples
from dandelion.policy.declarations import (
    ENGINE_REASONS,
    Arm,
    ColumnUse,
    Constant,
    Lever,
    Voucher,
    read_columns,
    read_constants,
    read_experiment,
    read_levers,
    read_vouchers,
)
from dandelion.policy.facts import GIVEN
from dandelion.policy.grammar import Names
from dandelion.policy.industries import Industry, read_industries
from dandelion.policy.reach import check_reach
from dandelion.policy.reasons import Reason, read_reasons
from dandelion.policy.records import Place, Reader, read_yaml
from dandelion.policy.roster import Meeting, Roster
from dandelion.policy.strategy import Strategy, bucket_ppm, read_strategy
from dandelion.policy.tables import read_table

STRATEGIES_MAX = 20_000
OFFERS, STOPS = "offers", "stops"  # a book that only stops needs no sentences of the engine's own about offers
DATA_KINDS = (
    "payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places", "evidence",
)  # fmt: skip


@dataclass(slots=True)
class _Once:
    """What is worked out of a book's strategies when first asked for, and never again."""

    used: dict[str, frozenset[str]] = field(default_factory=dict)
    rosters: dict[str, Roster] = field(default_factory=dict)
    hashes: Mapping[str, str] | None = None
    findings: tuple[Finding, ...] | None = None  # without a catalogue


@dataclass(frozen=True, slots=True)
class Book:
    """Immutable; strategies are ordered by (priority, id).  A new book is a new object, swapped by its holder."""

    name: str
    version: str
    timezone: str
    columns: Mapping[str, ColumnUse]
    scores: Mapping[str, str]
    constants: Mapping[str, Constant]
    industries: Mapping[str, Industry]
    levers: Mapping[str, Lever]
    vouchers: Mapping[str, Voucher]
    experiment: str
    arms: tuple[Arm, ...]
    reasons: Mapping[str, Reason]
    strategies: tuple[Strategy, ...]
    hash: str
    findings: tuple[Finding, ...] = field(default=(), compare=False)
    flag_keys: tuple[str, ...] = field(init=False, compare=False)
    _once: _Once = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        keys = {key for strategy in self.strategies for key in strategy.flags}
        object.__setattr__(self, "flag_keys", tuple(sorted(keys)))
        object.__setattr__(self, "_once", _Once())

    @classmethod
    def load(
        cls,
        folder: Path,
        catalogue: Mapping[str, Column] | None = None,
        *,
        strict: bool = True,
        pinned: bool = False,
        thorough: bool = False,
    ) -> Book:
        """The book in `folder`, held against `catalogue` where one is given.

        Errors: BadInput naming file and line for anything unreadable, undeclared, mistyped or failing its own example;
        and, when `strict`, for every finding of severity ``error`` (unknown column, wrong unit, a decline on a grey
        list).  A changed definition is a warning, since the house must be able to start; with `pinned` it is an error,
        for checks before a book goes live.  `thorough` also compares strategies with each other (see `reach`).  What remains is in ``findings``.
        """
        return cls.read(folder).held_to(catalogue, strict=strict, pinned=pinned, thorough=thorough)

    @classmethod
    def read(cls, folder: Path) -> Book:
        """The book in `folder`, held to nothing yet but its own declarations and examples."""
        return _read_book(folder)

    def held_to(
        self,
        catalogue: Mapping[str, Column] | None,
        *,
        strict: bool = True,
        pinned: bool = False,
        thorough: bool = False,
    ) -> Book:
        """The same book with what was found when it was held against `catalogue`, as `load` does it; shares what is
        worked out once for a book.  Errors: as `load`."""
        if self._once.findings is None:
            self._once.findings = tuple(check_book(self.strategies, self.reasons, self.columns))
        found = [*self._once.findings]
        if thorough:
            found += check_reach(self.strategies)
        if catalogue is not None:
            found += check_against(self.strategies, self.columns, self.constants, catalogue, pinned=pinned)
        errors = [finding for finding in found if finding.severity == "error"]
        if errors and strict:
            rest = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise BadInput(f"{errors[0].place}: {errors[0].message}{rest}", field=errors[0].subject)
        held = replace(self, findings=tuple(found))
        object.__setattr__(held, "_once", self._once)
        return held

    def strategy_hashes(self) -> Mapping[str, str]:
        """The hash of every strategy's meaning, by id; worked out once."""
        if self._once.hashes is None:
            self._once.hashes = {s.id: content_hash(canonical(s.as_json())) for s in self.strategies}
        return self._once.hashes

    def column_ids(self, product: str | None = None) -> tuple[str, ...]:
        """Ids of the columns that strategies of `product` (or of any) really use: all that need be computed."""
        products = [product] if product is not None else sorted({s.product for s in self.strategies})
        return tuple(sorted({self.columns[alias].id for name in products for alias in self.aliases(name)}))

    def aliases(self, product: str) -> frozenset[str]:
        """Column aliases that live and shadow strategies of a product use."""
        if product not in self._once.used:
            used = {
                alias
                for strategy in self.strategies
                if strategy.mode != "draft" and strategy.product in ("*", product)
                for alias in strategy.aliases
            }
            self._once.used[product] = frozenset(used & self.columns.keys())
        return self._once.used[product]

    def roster(self, product: str) -> Roster:
        """The strategies of a product, compiled; made once."""
        found = self._once.rosters.get(product)
        if found is None:
            found = self._once.rosters[product] = Roster.of(self.strategies, product)
        return found

    def meeting(self, product: str, as_of_us: int, tenant: str, entity: str) -> tuple[Meeting, Meeting]:
        """The (live, shadow) strategies that meet one subject at one moment."""
        return self.roster(product).meeting(as_of_us, tenant, entity, self.arm(tenant, entity)[0])

    def active(self, product: str, as_of_us: int, tenant: str, entity: str) -> tuple[list[Strategy], list[Strategy]]:
        """(live, shadow) strategies for one subject at one moment, in order."""
        live, shadow = self.meeting(product, as_of_us, tenant, entity)
        return live.strategies(), shadow.strategies()

    def arm(self, tenant: str, entity: str) -> tuple[str, int]:
        """(arm, bucket in ppm) of a subject: stable for as long as the experiment keeps its id."""
        if not self.arms:
            return "", 0
        bucket = bucket_ppm(self.experiment, tenant, entity)
        end = 0
        for arm in self.arms:
            end += arm.share_ppm
            if bucket < end:
                return arm.name, bucket
        return self.arms[-1].name, bucket


def _read_book(folder: Path) -> Book:
    head = read_yaml(folder / "book.yaml")
    take = Reader(head)
    columns = read_columns(take.maybe_mapping("columns"))
    scores = {alias: str(name) for alias, name in take.maybe_mapping("scores").items()}
    industries = read_industries(take.maybe_mapping("industries"))
    constants = read_constants(take.maybe_mapping("constants"))
    for trade, group in industries.items():
        if trade in constants:
            raise take.refuse("constants", f"declares {trade!r}, which is an industry")
        constants[trade] = group.constant()
    vouchers = read_vouchers(take.maybe_mapping("vouchers"))
    names = _names(take, columns, scores, constants, vouchers)
    levers = read_levers(take.maybe_mapping("levers"), names.columns)
    experiment, arms = read_experiment(take.maybe_mapping("experiment"))
    name, version, timezone = take.text("book"), take.text("version"), take.text("timezone", "Asia/Shanghai")
    makes = take.choice("makes", (OFFERS, STOPS), OFFERS)
    take.done()
    reasons = read_reasons(read_yaml(folder / "reasons.yaml"))
    for code in ENGINE_REASONS:
        if code not in reasons and makes == OFFERS:
            raise BadInput(f"{folder / 'reasons.yaml'}:1: the engine's own reason {code} is missing", field=code)
    strategies = _strategies(folder, names, timezone, industries, reasons, {arm.name for arm in arms})
    meaning = {
        "book": name, "version": version, "timezone": timezone, "scores": scores,
        "columns": {alias: use.as_json() for alias, use in columns.items()},
        "constants": {key: constant.as_json() for key, constant in constants.items()},
        "industries": {trade: group.as_json() for trade, group in industries.items()},
        "levers": {alias: lever.as_json() for alias, lever in levers.items()},
        "vouchers": {name: [voucher.zh, voucher.en] for name, voucher in vouchers.items()},
        "experiment": experiment, "arms": [[arm.name, arm.share_ppm] for arm in arms],
        "reasons": {code: reason.as_json() for code, reason in reasons.items()},
        "strategies": [strategy.as_json() for strategy in strategies],
    } | ({} if makes == OFFERS else {"makes": makes})  # fmt: skip
    return Book(
        name, version, timezone, columns, scores, constants, industries, levers, vouchers, experiment, arms, reasons, strategies,
        content_hash(canonical(meaning)),
    )  # fmt: skip


def _names(
    take: Reader, columns: Mapping[str, ColumnUse], scores: Mapping[str, str], constants: Mapping[str, Constant],
    vouchers: Mapping[str, Voucher],
) -> Names:  # fmt: skip
    """Every name of the book, each declared once."""
    seen: set[str] = set(GIVEN)
    for group, owner in ((columns, "columns"), (scores, "scores"), (constants, "constants")):
        for alias in group:
            if alias in seen:
                raise take.refuse(owner, f"declares {alias!r}, which already has a meaning")
            seen.add(alias)
    flags: dict[str, Sequence[str]] = {
        "in_list": take.texts("lists"), "granted": DATA_KINDS, "filed": tuple(vouchers),
    }  # fmt: skip
    return Names(
        columns=frozenset({*columns, *scores, *GIVEN}),
        constants={key: constant.value for key, constant in constants.items()},
        flags={function: frozenset(allowed) for function, allowed in flags.items()},
    )


def _strategies(
    folder: Path, names: Names, timezone: str, industries: Mapping[str, Industry], reasons: Mapping[str, Reason],
    arms: set[str],
) -> tuple[Strategy, ...]:  # fmt: skip
    found: dict[str, Strategy] = {}
    for file in sorted(folder.glob("*.yaml")):
        if file.name in ("book.yaml", "reasons.yaml"):
            continue
        take = Reader(read_yaml(file))
        take.text("protects_against")
        for record in take.records("strategies"):
            strategy = read_strategy(record, names, timezone)
            _place(strategy, record.place, found, reasons, arms)
            found[strategy.id] = strategy
        take.done()
    for file in sorted([*folder.glob("*.csv"), *folder.glob("[!~.]*.xlsx")]):
        for strategy in read_table(file, names, timezone, industries):
            _place(strategy, strategy.place, found, reasons, arms)
            found[strategy.id] = strategy
    if len(found) > STRATEGIES_MAX:
        raise BadInput(f"{folder}: {len(found)} strategies; at most {STRATEGIES_MAX}", field="strategies")
    run_examples(found.values(), names)
    return tuple(sorted(found.values(), key=lambda s: (s.priority, s.id)))


def _place(
    strategy: Strategy, place: Place, found: Mapping[str, Strategy], reasons: Mapping[str, Reason], arms: set[str]
) -> None:
    if strategy.id in found:
        raise BadInput(f"{place}: {strategy.id} already stands at {found[strategy.id].place}", field="id")
    if strategy.reason not in reasons:
        raise BadInput(f"{place}: {strategy.id}: reason {strategy.reason!r} is not in reasons.yaml", field="reason")
    if strategy.arm != "*" and strategy.arm not in arms:
        raise BadInput(f"{place}: {strategy.id}: arm {strategy.arm!r} is not in the experiment", field="arm")
    assert 0 <= strategy.share_ppm <= PPM
