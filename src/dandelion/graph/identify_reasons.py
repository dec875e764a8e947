"""Three reasons per account, in plain words: what moved the probability most, theme by theme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, Frame, plain_yaml
from dandelion.core.frame import Ints
from dandelion.graph.portrait import Portrait
from dandelion.models import Model

BLOCK = 50_000  # accounts explained at a time, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class Theme:
    """Columns that speak of one thing, and the sentence for either way."""

    name: str
    columns: tuple[str, ...]
    business: str
    private: str


@dataclass(frozen=True, slots=True)
class Wording:
    themes: tuple[Theme, ...]
    few: dict[str, list[str]]
    sentences: dict[str, str]


@lru_cache(maxsize=1)
def wording() -> Wording:
    said = plain_yaml(resources.files("dandelion.graph").joinpath("identify_reasons.yaml").read_text("utf-8"))
    themes = tuple(Theme(name, tuple(t["columns"]), t["business"], t["private"]) for name, t in said["themes"].items())
    few = said["few"]
    return Wording(themes, {side: few[side] for side in ("business", "private")}, few["sentences"])


def reasons(portrait: Portrait, model: Model, frame: Frame, ppm: Ints, people_min: int) -> list[list[str]]:
    """Three lists, one sentence an account each.  Of fewer than `people_min` payers nothing is told."""
    words = wording()
    told: list[list[str]] = [[""] * len(ppm) for _ in range(3)]
    business = ppm * 2 >= PPM
    enough = portrait.payers >= people_min
    for row in np.flatnonzero(~enough).tolist():
        for i, sentence in enumerate(_of_few(portrait, row, bool(business[row]), words)):
            told[i][row] = sentence
    place = {f"graph.portrait/{c}": t for t, theme in enumerate(words.themes) for c in theme.columns}
    of_column = np.array([place[name] for name in model.columns])
    rows = np.flatnonzero(enough)
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        micro = model.contributions(frame, some).micro
        moved = np.zeros((len(some), len(words.themes)))
        np.add.at(moved.T, of_column, micro.T)
        moved[~business[some]] *= -1  # what speaks for the verdict first
        best = np.argsort(-moved, axis=1, kind="stable")[:, :3]
        facts = _facts(portrait, some)
        for k, row in enumerate(some.tolist()):
            side = "business" if business[row] else "private"
            values = {name: column[k] for name, column in facts.items()}
            for i in range(3):
                theme = words.themes[best[k, i]]
                told[i][row] = getattr(theme, side if moved[k, best[k, i]] > 0 else _OTHER[side]).format(**values)
    return told


_OTHER = {"business": "private", "private": "business"}


def _facts(portrait: Portrait, rows: Ints) -> dict[str, list[str]]:
    """Aggregates over at least five payers, as text."""
    payers = portrait.payers[rows]
    strangers = np.rint(np.expm1(portrait.column("strangers")[rows])).astype(np.int64)
    shares = {
        "ties": "ties_without_shops",
        "again": "again",
        "price_tags": "price_tags",
        "days": "days",
        "crowded": "crowded",
    }
    facts = {
        "payers": [f"{count:,}" for count in payers.tolist()],
        "strangers": [f"{count:,}" for count in strangers.tolist()],
    }
    return facts | {fact: _percent(portrait.column(name)[rows]) for fact, name in shares.items()}


def _percent(values: npt.NDArray[np.float32]) -> list[str]:
    return [
        f"{round(100 * v)} %" if v == v and (v >= 0.01 or v == 0) else "under 1 %" if v == v else "none"
        for v in values.tolist()
    ]


def _of_few(portrait: Portrait, row: int, business: bool, words: Wording) -> list[str]:
    if portrait.payers[row] == 0:
        names = ["nobody", "own_spends", "little"]
    else:
        balance = float(portrait.values[row, portrait.names.index("in_against_out")])
        own = "own_receives" if balance > 0.7 else "own_spends" if balance < -0.7 else "even"
        names = [own if name.startswith("own_") else name for name in words.few["business" if business else "private"]]
    return [words.sentences[name] for name in names]
