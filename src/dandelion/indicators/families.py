"""Families: a column derived from a base column by an ending of its id, like `payment.received/7d/count.trend.30d`.

Any such path may be named over any declared stream; `Each` declares one for every column of a cube.  The shorthands at
the end write the same `Derive` with sentences of one's own.

>>> share("payment.received/hours=night/30d/count", "payment.received/30d/count", "夜间收款笔数占比",
...       "share of receipts at night").id
'payment.received/hours=night/30d/count.share'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dandelion.core import DAY_US, BadInput
from dandelion.indicators import family_sentences as say
from dandelion.indicators.declare import ADDING, AGGREGATES, EVER, Base, Derive, Stream, window_us
from dandelion.indicators.wording import did_you_mean

YEAR_DAYS = 364  # 52 whole weeks, so that both spans hold the same weekdays
Range = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Family:
    """`make` writes the column of a base and the words after the family's name; a misfit is BadInput.  `aggregates` is
    what it can be of, `filters` how many levels must be fixed at least."""

    name: str
    make: Callable[[Base, str, Mapping[str, Stream]], Derive]
    after: str  # what follows the name in an id: "", "a window", ...
    aggregates: tuple[str, ...] = ADDING
    filters: int = 0


def derived(base: Base, name: str, after: str, streams: Mapping[str, Stream]) -> Derive:
    """The column ``<base>.<name>.<after>``.  Errors (BadInput): no such family, or one that does not fit."""
    family = FAMILIES.get(name)
    if family is None:
        raise BadInput(f"{base.id}.{name}: {name!r} is not a family; use one of {', '.join(FAMILIES)}"
                       f"{did_you_mean(name, FAMILIES)}", field=base.id)  # fmt: skip
    if base.aggregate not in family.aggregates:
        raise BadInput(
            f"{base.id}: {name} is of {', '.join(family.aggregates)}, not of {base.aggregate}", field=base.id
        )
    if len(base.filters) < family.filters:
        raise BadInput(f"{base.id}: {name} needs at least {family.filters} fixed levels", field=base.id)
    if bool(after) != bool(family.after):
        wanted = f"needs {family.after} after it" if family.after else "takes nothing after it"
        raise BadInput(f"{base.id}.{name}: {name} {wanted}", field=base.id)
    return family.make(base, after, streams)


def _part_of(base: Base, _after: str, _streams: Mapping[str, Stream]) -> Derive:
    """Against the same with the level fixed last left open."""
    whole = replace(base, filters=base.filters[:-1])
    return Derive(f"{base.id}.part", "share", (base.id, whole.id), *say.part(base, whole), "share",
                  range=_unit(base))  # fmt: skip


def _of_all(base: Base, _after: str, _streams: Mapping[str, Stream]) -> Derive:
    whole = replace(base, filters=())
    return Derive(f"{base.id}.of_all", "share", (base.id, whole.id), *say.of_all(base), "share", range=_unit(base))


def _within(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    """Of those of the longer window, the share seen in the recent one."""
    longer = _longer(base, after)
    return Derive(f"{base.id}.within.{after}", "share", (base.id, longer.id), *say.within(base, after), "share",
                  range=(0.0, 1.0))  # fmt: skip


def _trend(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    return Derive(f"{base.id}.trend.{after}", "trend", (base.id, _longer(base, after).id), *say.trend(base, after),
                  range=(-1.0, None))  # fmt: skip


def _acceleration(base: Base, after: str, streams: Mapping[str, Stream]) -> Derive:
    """The trend of the recent window against the middle one, less that of the middle one against the longest."""
    middle, _, longest = after.partition(".")
    between = _longer(base, middle)
    parts = (_trend(base, middle, streams).id, _trend(between, longest, streams).id)
    return Derive(f"{base.id}.acceleration.{after}", "difference", parts, *say.acceleration(base, middle, longest))


def _volatility(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    return Derive(f"{base.id}.volatility.{after}", "volatility", _buckets(base, after, 3), *say.volatility(base, after),
                  range=(0.0, None))  # fmt: skip


def _own_past(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    return Derive(f"{base.id}.own_past.{after}", "own_past", _buckets(base, after, 4), *say.own_past(base, after),
                  "deviations")  # fmt: skip


def _year_before(base: Base, _after: str, _streams: Mapping[str, Stream]) -> Derive:
    """The same figure in the window that ended 52 weeks ago."""
    days = _days(base)
    of = tuple(replace(base, window=f"{n}d").id for n in (days + YEAR_DAYS, YEAR_DAYS))
    return Derive(f"{base.id}.year_before", "difference", of, *say.year_before(base), base.unit, range=_low(base))


def _year_on_year(base: Base, _after: str, streams: Mapping[str, Stream]) -> Derive:
    before = _year_before(base, "", streams).id
    return Derive(f"{base.id}.year_on_year", "ratio", (base.id, before), *say.year_on_year(base), range=_low(base))


def _per(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    """Against another figure of the same events."""
    if after not in base.stream.endings or after == base.suffix:
        raise BadInput(f"{base.id}.per.{after}: name another figure of the stream, one of "
                       f"{', '.join(base.stream.endings)}", field=base.id)  # fmt: skip
    aggregate, measure = base.stream.endings[after]
    by = replace(base, aggregate=aggregate, measure=measure)
    unit = base.unit if by.unit in ("count", "days") and base.unit != by.unit else "ratio"
    return Derive(f"{base.id}.per.{after}", "ratio", (base.id, by.id), *say.per(base, by), unit, range=_low(base, by))


def _against(base: Base, after: str, streams: Mapping[str, Stream]) -> Derive:
    """Against the same figure of another stream."""
    other = streams.get(after)
    if other is None or other == base.stream:
        raise BadInput(f"{base.id}.against.{after}: name another declared stream", field=base.id)
    by = Base(other, base.filters, base.window, base.aggregate, base.measure)
    return Derive(f"{base.id}.against.{after}", "ratio", (base.id, by.id), *say.against(base, by), range=_low(base, by))


def _seen_before(name: str) -> Callable[[Base, str, Mapping[str, Stream]], Derive]:
    """Counterparties by their first event in the longer window."""

    def make(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
        if base.window == EVER or window_us(after) <= window_us(base.window):
            raise BadInput(f"{base.id}: {after} is no longer window than {base.window}; name a longer one, or {EVER}",
                           field=base.id)  # fmt: skip
        _of_plain_events(base, name)
        is_share = name.endswith("share")
        return Derive(
            f"{base.id}.{name}.{after}", name, (base.id, replace(base, window=after).id), *say.seen_before(base, name, after),
            "share" if is_share else "count", range=(0.0, 1.0 if is_share else None),
        )  # fmt: skip

    return make


def _same_weekdays(base: Base, after: str, _streams: Mapping[str, Stream]) -> Derive:
    """The newest span against the same span of the weeks before, so that weekdays and hours meet their like."""
    days, back = _days(base), window_us(after) if after != EVER else 0
    if days > 7 or back % (7 * DAY_US) or back < 14 * DAY_US:
        raise BadInput(f"{base.id}: same_weekdays takes a window of 1 to 7 days and two or more whole weeks, like 1d and 56d",
                       field=base.id)  # fmt: skip
    _of_plain_events(base, "same_weekdays")
    ends = [n for week in range(1, back // (7 * DAY_US) + 1) for n in (7 * week, 7 * week + days)]
    of = (base.id, *(replace(base, window=f"{n}d").id for n in ends))
    return Derive(
        f"{base.id}.same_weekdays.{after}", "same_weekdays", of, *say.same_weekdays(base, after), range=(-1.0, None)
    )


def _of_plain_events(base: Base, name: str) -> None:
    """What is told from the events once more knows neither who is related nor what is the newest state."""
    stream = base.stream
    if stream.latest_by or any(stream.dimension(one).source == "standing" for one, _ in base.filters):
        raise BadInput(f"{base.id}: {name} is not told of standings or of the newest state of each {stream.latest_by or 'party'}; "
                       "take the column without it", field=base.id)  # fmt: skip


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("part", _part_of, "", filters=1),
        Family("of_all", _of_all, "", filters=2),
        Family("within", _within, "a longer window", ("distinct", "active_days")),
        Family("trend", _trend, "a longer window"),
        Family("acceleration", _acceleration, "two longer windows"),
        Family("volatility", _volatility, "a length that divides the window"),
        Family("own_past", _own_past, "a length that divides the window"),
        Family("year_before", _year_before, ""),
        Family("year_on_year", _year_on_year, ""),
        Family("per", _per, "another figure of the same events", AGGREGATES),
        Family("against", _against, "another stream", AGGREGATES),
        *(Family(name, _seen_before(name), "a longer window", ("distinct",))
          for name in ("new", "returning", "new_share", "returning_share")),
        Family("same_weekdays", _same_weekdays, "a number of whole weeks, like 56d"),
    )
}  # fmt: skip


def share(part: str, whole: str, zh: str, en: str) -> Derive:
    return Derive(f"{part}.share", "share", (part, whole), zh, en, unit="share", range=(0.0, 1.0))


def trend(path: str, recent: str, longer: str, zh: str, en: str) -> Derive:
    """`path` has ``{window}`` where the window goes; both windows end now, the longer one holds the recent one."""
    if window_us(recent) >= window_us(longer):
        raise BadInput(f"a trend needs a longer window than {recent}, and {longer} is none; name the shorter one first",
                       field="longer")  # fmt: skip
    of = (path.format(window=recent), path.format(window=longer))
    return Derive(f"{of[0]}.trend.{longer}", "trend", of, zh, en, range=(-1.0, None))


def volatility(path: str, bucket: str, buckets: int, zh: str, en: str) -> Derive:
    of = _growing(path, bucket, buckets)
    return Derive(f"{of[-1]}.volatility.{bucket}", "volatility", of, zh, en, range=(0.0, None))


def own_past(path: str, bucket: str, buckets: int, zh: str, en: str) -> Derive:
    of = _growing(path, bucket, buckets)
    return Derive(f"{of[-1]}.own_past.{bucket}", "own_past", of, zh, en, unit="deviations")


def _growing(path: str, bucket: str, buckets: int) -> tuple[str, ...]:
    if bucket == EVER or window_us(bucket) % DAY_US:
        raise BadInput("a bucket is a number of whole days, like 30d", field="bucket")
    days = window_us(bucket) // DAY_US
    return tuple(path.format(window=f"{days * n}d") for n in range(1, buckets + 1))


def _buckets(base: Base, bucket: str, least: int) -> tuple[str, ...]:
    """Ids of the growing windows, one bucket more each, up to the base's own."""
    days, step = _days(base), window_us(bucket) // DAY_US if bucket != EVER else 0
    if step == 0 or window_us(bucket) % DAY_US or days % step or days // step < least:
        raise BadInput(f"{base.id}: {bucket} does not divide {base.window} into {least} or more spans of whole days",
                       field=base.id)  # fmt: skip
    return tuple(replace(base, window=f"{n}d").id for n in range(step, days + 1, step))


def _days(base: Base) -> int:
    days, rest = divmod(window_us(base.window), DAY_US)
    if base.window == EVER or rest:
        raise BadInput(f"{base.id}: the window must be a number of whole days, like 30d", field=base.id)
    return days


def _longer(base: Base, window: str) -> Base:
    found = replace(base, window=window)
    if base.window == EVER or window == EVER or window_us(window) <= window_us(base.window):
        raise BadInput(f"{base.id}: {window} is no longer window than {base.window}; name a longer one", field=base.id)
    return found


def _unit(base: Base) -> Range:
    return (None, None) if base.may_be_negative else (0.0, 1.0)


def _low(*bases: Base) -> Range:
    return (None, None) if any(base.may_be_negative for base in bases) else (0.0, None)
