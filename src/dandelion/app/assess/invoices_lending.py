"""The firms without a known outcome: bars, offers, the budget spent, one decision each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_books import Books
from dandelion.app.assess.invoices_columns import PREFIX
from dandelion.app.assess.invoices_deciding import Decider, Decision, bars
from dandelion.app.assess.invoices_firms import Firms
from dandelion.app.assess.invoices_learning import Learnt
from dandelion.app.assess.invoices_offers import Offers, RateTable, affordable, offers
from dandelion.app.assess.invoices_portfolio import Portfolio, spend
from dandelion.app.assess.invoices_settings import Settings
from dandelion.app.assess.invoices_sharing import Sharing
from dandelion.core import BadInput


@dataclass(frozen=True, slots=True)
class LoanBook:
    """`rows` are the indices of the decided firms in the firms file; the rest is aligned to them."""

    rows: npt.NDArray[np.int64]
    offers: Offers
    portfolio: Portfolio
    decisions: tuple[Decision, ...]


def lend(
    firms: Firms, books: Books, learnt: Learnt, rates: RateTable, settings: Settings, budget_yuan: int
) -> LoanBook:
    """Decide every firm whose outcome is not known.  Errors: BadInput when there is none."""
    rows = np.flatnonzero(firms.default < 0)
    if len(rows) == 0:
        raise BadInput(
            "every firm has a known outcome; leave column default empty for the firms to decide", field="default"
        )
    frame, z = books.frame.take(rows), learnt.z[rows]
    yearly, unit = frame.money[PREFIX + "yearly_sales_fen"].fen, books.sharing.group[rows]
    spoilt = np.unique(books.sharing.group[firms.default == 1])
    stopped = bars(frame, np.isin(unit, spoilt), settings.offer, affordable(yearly, settings.offer))
    made = offers(learnt.model.pd(z), yearly, rates, settings.offer, settings.grades, stopped.mask)
    portfolio = spend(made, unit, budget_yuan)
    decider = Decider(frame, z, learnt.model, learnt.specs, made, portfolio, stopped, unit, settings.offer)
    ties = _ties(books.sharing, firms.ids)
    return LoanBook(rows, made, portfolio, decider.decide(tuple(ties[i] for i in rows)))


def _ties(sharing: Sharing, ids: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Per firm the other firms of its connected group."""
    members: dict[int, list[int]] = {}
    for i, group in enumerate(sharing.group.tolist()):
        members.setdefault(group, []).append(i)
    return [tuple(ids[j] for j in members[group] if j != i) for i, group in enumerate(sharing.group.tolist())]
