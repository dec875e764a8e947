"""policy: what to offer, and why.

In: a `Book` of strategies, a `Product`'s credit terms, `Lists`, and a request (frame, scores, exact money).
Out: a `Decision` with at most four reasons, each with what would change it; limit cuts, progress, and a portfolio.
Posts no money; reads no events itself; asks no model on its own.
"""

from dandelion.policy.book import Book
from dandelion.policy.check import Finding
from dandelion.policy.decide import Decision, decide
from dandelion.policy.facts import DecisionInput, LineState, MoneyFacts, Names
from dandelion.policy.lists import Lists, key_id, seal
from dandelion.policy.product import Product

__all__ = [
    "Book", "Decision", "DecisionInput", "Finding", "LineState", "Lists", "MoneyFacts", "Names", "Product",
    "decide", "key_id", "seal",
]  # fmt: skip
