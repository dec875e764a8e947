"""What each strategy of a roster does, as arrays: what the kernel that rules on rows reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput
from dandelion.core.frame import Ints
from dandelion.policy.product import Bools
from dandelion.policy.roster import Roster
from dandelion.policy.rulings import kernel
from dandelion.policy.rulings.kernel import Bits, Bytes

LABELS_MAX = 64
STRENGTH = "strength"
_KINDS = {
    "decline": kernel.DECLINE, "refer": kernel.REFER, "limit_times_ppm": kernel.TIMES, "limit_cap_fen": kernel.CAP,
    "price_add_ppm": kernel.PRICE, "score_add": kernel.SCORE,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """`masks` (8, words): a bit a strategy, for each of the kernel's kinds.  By strategy: amount, number of its reason and of
    the evidence it asks for.

    `reason_text` holds ``{"code":...,"strategy":...}`` of each, `label_text` each evidence, as JSON, cut at `*_at`.
    """

    masks: Bits
    amount: Ints
    reason: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    labels: tuple[str, ...]
    reason_text: Bytes
    reason_at: Ints
    label_text: Bytes
    label_at: Ints
    reasons_bytes_max: int  # what the reasons and the evidence of one record can take

    @classmethod
    def of(cls, roster: Roster) -> Effects:
        """Errors: BadInput where more evidence can be asked for than a word has bits."""
        strategies = roster.strategies
        labels = tuple(sorted({s.action.label for s in strategies if s.action.kind == "refer"}))
        if len(labels) > LABELS_MAX:
            raise BadInput(f"strategies ask for {len(labels)} kinds of evidence; at most {LABELS_MAX}", field="refer")
        reasons = {code: i for i, code in enumerate(sorted({s.reason for s in strategies}))}
        kind = np.array(
            [
                kernel.STRENGTH
                if s.action.kind == "tag" and s.action.label.startswith(STRENGTH)
                else _KINDS.get(s.action.kind, -1)
                for s in strategies
            ],
            np.int8,
        )
        amount = np.array([s.action.amount for s in strategies], np.int64)
        dearer = (kind == kernel.CAP) | (kind == kernel.TIMES) & (amount < PPM) | (kind == kernel.PRICE) & (amount > 0)
        masks = np.stack([*(kind == k for k in range(kernel.HELD)), dearer]) & roster.deciding
        reason_text, reason_at = joined([_json({"code": s.reason, "strategy": s.id}) for s in strategies])
        label_text, label_at = joined([_json(label) for label in labels])
        return cls(
            packed(masks), amount,
            np.array([reasons[s.reason] for s in strategies], np.int32),
            np.array([labels.index(s.action.label) if s.action.kind == "refer" else 0 for s in strategies], np.int32),
            labels, reason_text, reason_at, label_text, label_at,
            kernel.REASONS_MAX * (int(np.diff(reason_at).max(initial=0)) + 1) + len(label_text) + len(labels),
        )  # fmt: skip


def packed(mask: Bools) -> Bits:
    """(..., words) bits of (..., strategies) booleans."""
    words = -(-mask.shape[-1] // 64)
    out = np.zeros((*mask.shape[:-1], 8 * words), np.uint8)
    bits = np.packbits(mask, axis=-1, bitorder="little")
    out[..., : bits.shape[-1]] = bits
    return out.view(np.uint64)


def joined(parts: Sequence[bytes]) -> tuple[Bytes, Ints]:
    """The parts one after the other, and where each begins and the last one ends."""
    at = np.array([*accumulate(map(len, parts), initial=0)], np.int64)
    return np.frombuffer(b"".join(parts) or b"\0", np.uint8), at


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
