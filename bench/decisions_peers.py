"""The other engines of `bench/decisions.py`, each in the fastest mode we know of, all on the core the bench is pinned to.

A peer is given its strategies before the clock starts, and its rows in the form it likes best.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from decisions_book import (
    Floats,
    Literals,
    as_json,
    blaze_yaml,
    python_source,
    zen_contexts,
    zen_table,
)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Peer:
    """`run` evaluates all its rows once; `hits` gives (strategies, rows) of what it fired."""

    name: str
    rows: int
    run: Callable[[], object]
    hits: Callable[[], Bools]
    load_s: float


def blazerules(book: Sequence[Literals], values: Floats, given: Sequence[str]) -> Peer:
    """BlazeRules: one thread, float32 Arrow columns with a validity bitmap, a bitmask a rule, validated beforehand."""
    import blazerules as blaze

    config = blaze.EngineConfig()
    config.eval_thread_count = 1
    config.output_detail = blaze.OutputDetail.BITMASKS
    config.batch_size = max(config.batch_size, len(values))
    started = time.process_time()
    engine = blaze.RuleEngine([blaze.Field(name, blaze.FLOAT32) for name in given], config)
    engine.load_rules_from_string(blaze_yaml(book))
    spent = time.process_time() - started
    columns = [pa.array(values[:, j], from_pandas=True) for j in range(values.shape[1])]
    batch = pa.RecordBatch.from_arrays(columns, list(given))
    engine.evaluate_batch(batch)

    def hits() -> Bools:
        result = engine.evaluate_batch(batch, False)
        masks = [np.frombuffer(result.rule_bitmask_buffer(f"r{i:04d}"), np.uint8) for i in range(len(book))]
        return np.unpackbits(np.stack(masks), axis=1, bitorder="little", count=len(values)).view(bool)

    return Peer("BlazeRules", len(values), lambda: engine.evaluate_batch(batch, False), hits, spent)


def zen(book: Sequence[Literals], values: Floats, given: Sequence[str]) -> Peer:
    """zen-engine: a collecting decision table with one expression column, `evaluate_batch`."""
    from zen import ZenEngine

    started = time.process_time()
    engine = ZenEngine({"loader": {"type": "static", "content": {"book": zen_table(book)}}})
    contexts = zen_contexts(values, given)
    requests = [{"key": "book", "context": context} for context in contexts]
    engine.evaluate_batch(requests[:1])
    spent = time.process_time() - started

    def hits() -> Bools:
        out = np.zeros((len(book), len(values)), bool)
        for row, answer in enumerate(engine.evaluate_batch(requests)):
            for hit in answer["data"]["result"]:
                out[int(hit["hit"]), row] = True
        return out

    return Peer("zen", len(values), lambda: engine.evaluate_batch(requests), hits, spent)


def zen_one(book: Sequence[Literals], values: Floats, given: Sequence[str]) -> Peer:
    """The same table, one request at a time from JSON bytes; slower or faster than the batch as it may be."""
    from zen import ZenEngine

    started = time.process_time()
    decision = ZenEngine().create_decision(as_json(zen_table(book)))
    contexts = zen_contexts(values, given)
    decision.evaluate(contexts[0])
    spent = time.process_time() - started

    def hits() -> Bools:
        out = np.zeros((len(book), len(values)), bool)
        for row, context in enumerate(contexts):
            for hit in decision.evaluate(context)["result"]:
                out[int(hit["hit"]), row] = True
        return out

    return Peer("zen, one by one", len(values), lambda: [decision.evaluate(c) for c in contexts], hits, spent)


def generated(book: Sequence[Literals], values: Floats, given: Sequence[str]) -> Peer:
    """A Python function written from the book: columns as locals, one `if` a strategy."""
    started = time.process_time()
    space: dict[str, Callable[[Sequence[float]], list[int]]] = {}
    exec(compile(python_source(book, given), "book", "exec"), space)
    fire = space["fire"]
    spent = time.process_time() - started
    plain = values.astype(np.float64).tolist()

    def hits() -> Bools:
        out = np.zeros((len(book), len(values)), bool)
        for row, each in enumerate(plain):
            out[fire(each), row] = True
        return out

    return Peer("generated Python", len(values), lambda: [fire(each) for each in plain], hits, spent)
