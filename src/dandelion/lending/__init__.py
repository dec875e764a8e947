"""lending: the double-entry ledger and the life of a credit line.

In: a `Work` of the vault (every write joins its transaction), a decision, a request to draw, money that arrived, the
rail's answers.  Out: lines, quotes, statements, a trial balance; events `LineOpened` to `DelinquencyMoved`.
Rules come from packs and product terms (YAML with sources and dates), never from code.  Never decides credit.
"""

from dandelion.lending.conditions import (
    AccountClaim,
    AccountProvider,
    Condition,
    IdentityClaim,
    IdentityProvider,
    Proof,
)
from dandelion.lending.contract import Contract
from dandelion.lending.cost import Quote, annual_irr_ppm
from dandelion.lending.days import is_working_day
from dandelion.lending.delinquency import borrower_size, may_contact
from dandelion.lending.drawdowns import DrawdownStanding, active_lines
from dandelion.lending.drawing import Draw, PayoutOutcome
from dandelion.lending.endofday import EodReport
from dandelion.lending.erasing import ErasureReport
from dandelion.lending.ledger import Entry, TrialBalance
from dandelion.lending.lending import Lending
from dandelion.lending.packs import Pack, Packs
from dandelion.lending.payouts import PayoutRun, PayoutWorker
from dandelion.lending.products import Products, Terms
from dandelion.lending.rail import AnswerLost, BankRail, RailAnswer, TransferOrder
from dandelion.lending.repaying import Repayment
from dandelion.lending.schedule import Instalment, due_days, plan
from dandelion.lending.simulated_checks import SimulatedAccounts, SimulatedIdentity
from dandelion.lending.simulated_rail import Faults, SimulatedRail
from dandelion.lending.statement import Statement, StatementRow
from dandelion.lending.steps import Changed
from dandelion.lending.views import DrawdownView, LineView
from dandelion.lending.watching import Standing

__all__ = [
    "AccountClaim", "AccountProvider", "AnswerLost", "BankRail", "Changed", "Condition", "Contract", "Draw",
    "DrawdownStanding", "DrawdownView", "Entry", "EodReport", "ErasureReport", "Faults", "IdentityClaim",
    "IdentityProvider", "Instalment", "Lending", "LineView", "Pack", "Packs", "PayoutOutcome", "PayoutRun",
    "PayoutWorker", "Products", "Proof", "Quote", "RailAnswer", "Repayment", "SimulatedAccounts", "SimulatedIdentity",
    "SimulatedRail", "Standing", "Statement", "StatementRow", "Terms", "TransferOrder", "TrialBalance", "active_lines",
    "annual_irr_ppm", "borrower_size", "due_days", "is_working_day", "may_contact", "plan",
]  # fmt: skip
