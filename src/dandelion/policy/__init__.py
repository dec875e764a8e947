"""policy: what to offer, and why.

In: a `Book` of strategies, a `Product`'s credit terms, `Lists`, and a request (frame, scores, exact money).
Out: a `Decision` with at most four reasons, each with what would change it; limit cuts, progress and raises; a portfolio.
Posts no money; reads no events itself; asks no model on its own.
"""

from dandelion.policy.backtest import Backtest, backtest
from dandelion.policy.book import Book
from dandelion.policy.bulk import decide_many, rule_many
from dandelion.policy.change import Rescore
from dandelion.policy.check import Finding
from dandelion.policy.compared import Comparison as BookComparison
from dandelion.policy.compared import compare_books
from dandelion.policy.decide import Decision, decide
from dandelion.policy.differences import differences
from dandelion.policy.engine import Engine, Fired
from dandelion.policy.entry import KINDS, TERMS, Entry, digest_of, read_entry
from dandelion.policy.explain import Changes, StrategyTrace, explain, rule_again, what_would_change
from dandelion.policy.expression import number_text
from dandelion.policy.facts import DecisionInput, LineState, MoneyFacts, Names
from dandelion.policy.files import Run, read_catalogue, run_book
from dandelion.policy.guardrails import Guard, Watched
from dandelion.policy.history import History
from dandelion.policy.industries import industry_of
from dandelion.policy.judge import code_of
from dandelion.policy.lists import Declared, Lists, declared_in, key_id, seal
from dandelion.policy.nearest import Nearest
from dandelion.policy.offer import Adjustments, capacity, fixed_caps
from dandelion.policy.pin import pin
from dandelion.policy.portfolio import Decisions, Outcomes, Portfolio, portfolio
from dandelion.policy.product import Product
from dandelion.policy.progress import Progress, Span, progress
from dandelion.policy.publication import Pair, Rollout, decide_between, rollout_in
from dandelion.policy.records import Reader, read_yaml
from dandelion.policy.sentences import moves_sentences
from dandelion.policy.strain import pd_at
from dandelion.policy.watch import LineAction, Raise, propose_raise, watch

__all__ = [
    "KINDS",
    "TERMS",
    "Adjustments",
    "Backtest",
    "Book",
    "BookComparison",
    "Changes",
    "Decision",
    "DecisionInput",
    "Decisions",
    "Declared",
    "Engine",
    "Entry",
    "Finding",
    "Fired",
    "Guard",
    "History",
    "LineAction",
    "LineState",
    "Lists",
    "MoneyFacts",
    "Names",
    "Nearest",
    "Outcomes",
    "Pair",
    "Portfolio",
    "Product",
    "Progress",
    "Raise",
    "Reader",
    "Rescore",
    "Rollout",
    "Run",
    "Span",
    "StrategyTrace",
    "Watched",
    "backtest",
    "capacity",
    "code_of",
    "compare_books",
    "decide",
    "decide_between",
    "decide_many",
    "declared_in",
    "differences",
    "digest_of",
    "explain",
    "fixed_caps",
    "industry_of",
    "key_id",
    "moves_sentences",
    "number_text",
    "pd_at",
    "pin",
    "portfolio",
    "progress",
    "propose_raise",
    "read_catalogue",
    "read_entry",
    "read_yaml",
    "rollout_in",
    "rule_again",
    "rule_many",
    "run_book",
    "seal",
    "watch",
    "what_would_change",
]
