"""An id read back into its definition: every path over a declared stream means something, listed or not.

``stream/dimension=level/window/figure`` is a `Base`; with ``.family`` or ``.family.after`` behind it, a `Derive`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import lru_cache

from dandelion.core import BadInput
from dandelion.indicators.declare import Base, Derive, Stream
from dandelion.indicators.families import derived
from dandelion.indicators.wording import did_you_mean

Definition = Base | Derive
Streams = Mapping[str, Stream]


def parse(streams: Streams, path: str) -> Definition:
    """What a path means.  Errors (BadInput): it names no declared stream, dimension, level, window, figure or family."""
    head, _, last = path.rpartition("/")
    figure, _, family = last.partition(".")
    base = parse_base(streams, f"{head}/{figure}" if head else path, path)
    if not family:
        return base
    name, _, after = family.partition(".")
    return derived(base, name, after, streams)


def parse_base(streams: Streams, path: str, whole: str) -> Base:
    name, *cell, window, figure = path.split("/") if path.count("/") >= 2 else (path, "", "")
    stream = streams.get(name)
    if stream is None:
        raise BadInput(f"{whole!r} is neither a declared column nor a path over a declared stream; the streams are "
                       f"{', '.join(sorted(streams)) or 'none'}{did_you_mean(name, streams)}", field=whole)  # fmt: skip
    if figure not in stream.endings:
        raise BadInput(f"{whole!r} does not name a figure of stream {name!r}; it has {', '.join(stream.endings)}"
                       f"{did_you_mean(figure, stream.endings)}", field=whole)  # fmt: skip
    try:
        return Base(stream, filters(stream, tuple(cell)), window, *stream.endings[figure])
    except BadInput as error:
        raise BadInput(f"{whole!r}: {error.message}", field=whole) from error


@lru_cache(maxsize=65_536)
def filters(stream: Stream, cell: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """("channel=qr", "hours=night") as pairs.  Dimensions stand in the stream's order, each once, so that one column
    has one id."""
    pairs = []
    for part in cell:
        dimension, equal, level = part.partition("=")
        if not equal:
            raise BadInput(f"{part!r} should read dimension=level", field=part)
        stream.dimension(dimension).level(level)
        pairs.append((dimension, level))
    order = [dimension.name for dimension in stream.dimensions]
    places = [order.index(dimension) for dimension, _ in pairs]
    if any(a >= b for a, b in itertools.pairwise(places)):
        raise BadInput(f"name each dimension once, in this order: {', '.join(order)}", field=cell[0])
    return tuple(pairs)
