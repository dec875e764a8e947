"""Draws the two pictures of docs/graph.md from a simulated town: a private person's money and a shop's.

    .venv/bin/python bench/graph_pictures.py        # writes docs/images/graph-yarn-ball.svg and graph-dandelion.svg

The same town gives the same bytes: positions come from a fixed number of steps of springs and repulsion, rounded.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dandelion.world import build

OUT = Path(__file__).resolve().parent.parent / "docs" / "images"
SEED, PEOPLE, MONTHS = 500, 1_500, 24
SIZE, RADIUS = 360, 138
Ties = dict[str, set[str]]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        where = Path(folder) / "town"
        build(where, people=PEOPLE, months=MONTHS, seed=SEED)
        payments = ds.dataset(where / "record" / "payment").to_table(columns=["payer", "payee"])
        truth = pq.read_table(where / "truth" / "accounts.parquet").to_pylist()
    ties: Ties = defaultdict(set)
    payers: Ties = defaultdict(set)
    for payer, payee in zip(
        payments["payer"].cast("string").to_pylist(), payments["payee"].cast("string").to_pylist(), strict=True
    ):
        ties[payer].add(payee)
        ties[payee].add(payer)
        payers[payee].add(payer)
    people = {row["account"] for row in truth if not row["is_business"]}
    plain = sorted(row["account"] for row in truth if row["case"] == "none")
    crowd = {a: sorted(payers[a] & people) for a in plain}
    person = _typical([a for a in plain if a in people], crowd, ties, 26)
    shop = _typical([a for a in plain if a not in people], crowd, ties, 60)
    OUT.mkdir(exist_ok=True)
    _write("graph-yarn-ball", "A private person: those who pay her pay each other", crowd[person], ties, "#b3542d")
    _write("graph-dandelion", "A shop: its payers hardly know each other", crowd[shop], ties, "#2d6a4f")
    return 0


def _typical(accounts: list[str], crowd: dict[str, list[str]], ties: Ties, wanted: int) -> str:
    """Of the fifteen accounts whose payers are nearest to `wanted`, the middle one by ties between payers."""
    near = sorted(accounts, key=lambda a: (abs(len(crowd[a]) - wanted), a))[:15]

    def tied(account: str) -> float:
        around = set(crowd[account])
        return sum(len(ties[a] & around) for a in crowd[account]) / len(around) ** 2

    return sorted(near, key=lambda a: (tied(a), a))[len(near) // 2]


def _write(name: str, title: str, around: list[str], ties: Ties, colour: str) -> None:
    place = {account: i for i, account in enumerate(around)}
    pairs = [(i, place[b]) for a, i in place.items() for b in sorted(ties[a]) if b in place and place[b] > i]
    at = _positions(len(around), pairs)
    middle = SIZE / 2
    lines = [_line((middle, middle), tuple(point), colour, 0.9, 0.45) for point in at]
    lines += [_line(tuple(at[i]), tuple(at[j]), "#444444", 0.8, 0.65) for i, j in pairs]
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="#444444"/>' for x, y in at]
    share = 100 * len(pairs) / (len(around) * (len(around) - 1) / 2)
    text = (f'<text x="{middle:.0f}" y="18" text-anchor="middle">{title}</text>'
            f'<text x="{middle:.0f}" y="{SIZE - 8}" text-anchor="middle">{len(around)} around it, {share:.0f} % of pairs deal with '
            "each other</text>")  # fmt: skip
    body = "\n".join([*lines, *dots, f'<circle cx="{middle:.0f}" cy="{middle:.0f}" r="8" fill="{colour}"/>', text])
    (OUT / f"{name}.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" font-family="sans-serif" font-size="12" '
        f'role="img" aria-label="{title}">\n<rect width="{SIZE}" height="{SIZE}" fill="#fffdf8"/>\n{body}\n</svg>\n',
        "utf-8",
    )


def _line(a: tuple[float, ...], b: tuple[float, ...], colour: str, width: float, opacity: float) -> str:
    return (f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{colour}" stroke-width="{width}" '
            f'stroke-opacity="{opacity}"/>')  # fmt: skip


def _positions(count: int, pairs: list[tuple[int, int]], steps: int = 300) -> npt.NDArray[np.float64]:
    """Springs along ties, repulsion between all, a ring that holds them around the middle (T. Fruchterman, E. Reingold 1991)."""
    rng = np.random.default_rng(SEED)
    angle = np.arange(count) * 2.399963  # the golden angle
    at = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (0.6 + 0.4 * rng.random((count, 1)))
    ideal = 1.6 / np.sqrt(count)
    first, second = (np.array([pair[k] for pair in pairs], np.int64) for k in (0, 1))
    for step in range(steps):
        apart = at[:, None] - at[None]
        far = np.maximum(np.sqrt((apart**2).sum(axis=2)), 0.02)
        push = (apart * (ideal**2 / far**2)[:, :, None]).sum(axis=1)
        pull = at[first] - at[second]
        strength = np.sqrt((pull**2).sum(axis=1, keepdims=True)) / ideal * 0.5
        np.add.at(push, first, -pull * strength)
        np.add.at(push, second, pull * strength)
        length = np.maximum(np.sqrt((push**2).sum(axis=1, keepdims=True)), 1e-9)
        at = at + push / length * np.minimum(length, 0.08 * (1 - step / steps))
        reach = np.sqrt((at**2).sum(axis=1, keepdims=True))
        at = at / np.maximum(reach, 1e-9) * np.clip(reach, 0.28, 1.0)
    return np.round(SIZE / 2 + at * RADIUS, 1)


if __name__ == "__main__":
    sys.exit(main())
