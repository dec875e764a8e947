"""Who is stopped before any price is looked at: strategies of a book, equal to a plain chain of questions."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import settings as how_often
from hypothesis import strategies as st

from dandelion.app.assess.invoices_columns import PREFIX
from dandelion.app.assess.invoices_deciding import bars, stops
from dandelion.app.assess.invoices_settings import settings
from dandelion.core import Column, Frame, MoneyColumn

YEARLY, WINDOW, SHARE = (PREFIX + name for name in ("yearly_sales_fen", "window_months", "selling_months_share"))
rows = st.lists(
    st.tuples(
        st.one_of(st.just(math.nan), st.integers(0, 40).map(lambda n: n / 2)),
        st.one_of(st.just(math.nan), st.integers(0, 12).map(lambda n: n / 12)), st.booleans(), st.sampled_from([0, 100_000]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def frame_of(found: list[tuple[float, float, bool, int]]) -> Frame:
    count = len(found)
    names = [f"f{i}" for i in range(count)]
    columns = {
        WINDOW: np.array([r[0] for r in found], np.float32), SHARE: np.array([r[1] for r in found], np.float32),
        YEARLY: np.full(count, 1e8, np.float32),
    }  # fmt: skip
    catalogue = {name: Column(name, "number", (None, None), "", "", "", "", "", "") for name in columns}
    money = {YEARLY: MoneyColumn(np.full(count, 10**8, np.int64), np.ones(count, np.bool_))}
    return Frame.of(names, [0] * count, [0] * count, columns, catalogue, money)


def asked_in_turn(window: float, share: float, tied: bool, affordable: int) -> str:
    if math.isnan(window):
        return "no_invoices"
    if tied:
        return "tied_to_default"
    if window < 6:
        return "window_too_short"
    months = 0.0 if math.isnan(share) else float(np.float32(np.float32(share) * math.ceil(window)))
    if months < 4:
        return "too_few_selling_months"
    return "turnover_too_small" if affordable == 0 else ""


@how_often(deadline=None, max_examples=60)
@given(rows)
def test_the_first_strategy_that_fires_is_what_a_plain_chain_of_questions_finds(found):
    tied, affordable = np.array([r[2] for r in found]), np.array([r[3] for r in found], np.int64)
    assert bars(frame_of(found), tied, settings().offer, affordable).code == tuple(asked_in_turn(*r) for r in found)


def test_every_stop_names_what_would_change_it():
    found = [
        (math.nan, 0.5, False, 1),
        (3.0, 1.0, False, 1),
        (12.0, 0.25, False, 1),
        (12.0, 1.0, False, 0),
        (12.0, 1.0, True, 1),
    ]
    said = bars(frame_of(found), np.array([r[2] for r in found]), settings().offer, np.array([r[3] for r in found]))
    assert said.code == (
        "no_invoices",
        "window_too_short",
        "too_few_selling_months",
        "turnover_too_small",
        "tied_to_default",
    )
    assert said.value == ("", "3.0", "3", "1,000,000", "") and said.target == ("6", "6", "4", "500,000", "")
    assert not stops().findings
