"""One strategy: a condition, an action, a reason, and where and when it applies.  Data, never code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field

from dandelion.core import PPM, BadInput, content_hash, instant
from dandelion.policy.expression import Flag, Ref, Truth, walk
from dandelion.policy.grammar import Names, parse
from dandelion.policy.records import Place, Reader, Record

STAGES = ("eligibility", "fraud", "credit", "limit", "price", "warning", "collection")
MODES = ("draft", "shadow", "live")
ACTIONS = (
    "decline", "refer", "limit_times_ppm", "limit_cap_fen", "price_add_ppm", "freeze", "tag", "score_add",
)  # fmt: skip
_STAGE_ACTIONS = {
    "eligibility": {"decline", "refer", "tag", "score_add"},
    "fraud": {"decline", "refer", "tag", "score_add"},
    "credit": {"decline", "refer", "tag", "score_add", "limit_times_ppm", "limit_cap_fen"},
    "limit": {"limit_times_ppm", "limit_cap_fen", "tag"},
    "price": {"price_add_ppm", "tag"},
    "warning": {"freeze", "limit_times_ppm", "limit_cap_fen", "tag"},
    "collection": {"tag"},
}
_BOUNDS = {
    "limit_times_ppm": (0, 3 * PPM),
    "limit_cap_fen": (0, 10**12),
    "price_add_ppm": (-PPM, PPM),
    "score_add": (-100_000, 100_000),
}
ID = re.compile(r"[a-z0-9][a-z0-9_.-]{2,79}")


@dataclass(frozen=True, slots=True)
class Action:
    """`kind` is one of ACTIONS; `amount` its number (0 where it has none); `label` a tag or the evidence asked for."""

    kind: str
    amount: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A row of aliases and flags, and whether the strategy fires on it: ``fires``, ``silent`` or ``unknown``."""

    given: Mapping[str, float]
    flags: Mapping[str, bool]
    expect: str
    place: Place


@dataclass(frozen=True, slots=True)
class Strategy:
    """Lower `priority` comes first; `from_us`/`to_us` is a half-open span of the decision's as_of."""

    id: str
    owner: str
    purpose: str
    product: str  # a product id, or "*"
    stage: str
    text: str
    condition: Truth
    action: Action
    reason: str
    priority: int
    mode: str
    share_ppm: int  # the part of subjects a live strategy applies to, by stable hash
    arm: str  # an arm of the book's experiment, or "*"
    from_us: int
    to_us: int
    examples: tuple[Example, ...]
    place: Place
    table: str = ""  # the decision table it is a row of
    zh: str = ""  # its own sentence where it has one; otherwise its reason's
    en: str = ""
    asked: InitVar[tuple[frozenset[str], frozenset[str]] | None] = (
        None  # aliases and flags, where they are known already
    )
    aliases: frozenset[str] = field(init=False)
    flags: frozenset[str] = field(init=False)

    def __post_init__(self, asked: tuple[frozenset[str], frozenset[str]] | None) -> None:
        aliases, flags = asked_in(self.condition) if asked is None else asked
        object.__setattr__(self, "aliases", aliases)
        object.__setattr__(self, "flags", flags)

    def applies(self, product: str, as_of_us: int) -> bool:
        return self.product in ("*", product) and self.from_us <= as_of_us < self.to_us

    def in_share(self, tenant: str, entity: str) -> bool:
        return self.share_ppm >= PPM or bucket_ppm(self.id, tenant, entity) < self.share_ppm

    def as_json(self) -> dict[str, object]:
        """What the book's hash covers; where it was written and its examples are not part of its meaning."""
        said = {"zh": self.zh, "en": self.en} if self.zh or self.en else {}
        return said | {
            "id": self.id, "product": self.product, "stage": self.stage, "when": self.text,
            "action": self.action.kind, "amount": self.action.amount, "label": self.action.label,
            "reason": self.reason, "priority": self.priority, "mode": self.mode, "share_ppm": self.share_ppm,
            "arm": self.arm, "from": self.from_us, "to": self.to_us,
        }  # fmt: skip


def asked_in(condition: Truth) -> tuple[frozenset[str], frozenset[str]]:
    """The aliases and the flag keys a condition asks about."""
    nodes = tuple(walk(condition))
    return (
        frozenset(n.alias for n in nodes if isinstance(n, Ref)),
        frozenset(n.key for n in nodes if isinstance(n, Flag)),
    )


def bucket_ppm(salt: str, tenant: str, entity: str) -> int:
    """A stable bucket in [0, 1,000,000) from a hash: the same subject always falls in the same one."""
    return int(content_hash(f"{salt}\x1f{tenant}\x1f{entity}".encode())[:15], 16) % PPM


def read_strategy(record: Record, names: Names, timezone: str) -> Strategy:
    """A strategy from its YAML record.  Errors: BadInput that starts with file and line."""
    take = Reader(record)
    identity = take.text("id")
    if not ID.fullmatch(identity):
        raise take.refuse("id", f"is {identity!r}; use 3 to 80 of a-z 0-9 _ . -")
    stage = take.choice("stage", STAGES)
    text = " ".join(take.text("when").split())
    try:
        condition = parse(text, names)
    except BadInput as error:
        raise take.refuse("when", f"of {identity}: {error.message}") from None
    mode = take.choice("mode", MODES, "live")
    strategy = Strategy(
        id=identity,
        owner=take.text("owner"),
        purpose=take.text("purpose"),
        product=take.text("product", "*"),
        stage=stage,
        text=text,
        condition=condition,
        action=read_action(take, stage),
        reason=take.text("reason"),
        priority=take.whole("priority", 100, low=0, high=10_000),
        mode=mode,
        share_ppm=take.whole("share_ppm", PPM, low=0, high=PPM),
        arm=take.text("arm", "*"),
        from_us=read_moment(take, "from", "1980-01-01", timezone),
        to_us=read_moment(take, "to", "2200-01-01", timezone),
        examples=tuple(_example(r, names) for r in take.records("tests")),
        place=record.place,
    )
    take.done()
    if strategy.from_us >= strategy.to_us:
        raise take.refuse("to", "must be later than from")
    return strategy


def read_moment(take: Reader, key: str, default: str, timezone: str) -> int:
    try:
        return instant(take.text(key, default), timezone)
    except BadInput as error:
        raise take.refuse(key, error.message) from None


def read_action(take: Reader, stage: str) -> Action:
    """``action: decline`` or ``action: {limit_times_ppm: 500000}`` or ``{tag: word}`` or ``{refer: voucher}``."""
    value = take.raw("action")
    if isinstance(value, str):
        kind, amount = value, None
    elif isinstance(value, Record) and len(value) == 1:
        kind, amount = next(iter(value.items()))
    else:
        raise take.refuse("action", "must be a word or a mapping of one action to its amount")
    if kind not in ACTIONS or kind not in _STAGE_ACTIONS[stage]:
        allowed = ", ".join(sorted(_STAGE_ACTIONS[stage]))
        raise take.refuse("action", f"{kind!r} is not allowed in stage {stage}; allowed: {allowed}")
    if kind in _BOUNDS:
        low, high = _BOUNDS[kind]
        if isinstance(amount, bool) or not isinstance(amount, int) or not low <= amount <= high:
            raise take.refuse("action", f"{kind} is {amount!r}; give a whole number from {low} to {high}")
        return Action(kind, amount)
    if kind in ("tag", "refer"):
        if not isinstance(amount, str) or not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", amount):
            raise take.refuse("action", f"{kind} needs a lower-case word, not {amount!r}")
        return Action(kind, 0, amount)
    if amount is not None:
        raise take.refuse("action", f"{kind} takes no amount")
    return Action(kind)


def _example(record: Record, names: Names) -> Example:
    take = Reader(record)
    given = {}
    for alias, value in take.maybe_mapping("given").items():
        if alias not in names.columns:
            raise take.refuse("given", f"names {alias!r}, which is no alias of this book")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise take.refuse("given", f"{alias} is {value!r}; give a number, or leave it out for missing")
        given[alias] = float(value)
    yes = dict.fromkeys(take.texts("yes"), True) | dict.fromkeys(take.texts("no"), False)
    example = Example(given, yes, take.choice("expect", ("fires", "silent", "unknown")), record.place)
    take.done()
    return example
