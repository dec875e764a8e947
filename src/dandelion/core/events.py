"""Event contracts: frozen dataclasses, one per kind, with a schema version and the fields that are subjects.

Field types carry the column type: `Ident` (a surrogate id), `Instant` (UTC microseconds), `Fen` (int64 minor units),
`Count`, `Text`, `Flag`, and `Choice(...)` for closed sets.  ``| None`` makes a field optional.  A correction is a new
event of the same kind that names in ``replaces`` the id of the event it takes the place of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias


@dataclass(frozen=True)
class Kind:
    """Marks what a field holds; `choices` closes the set, `low`/`high` bound a number (inclusive)."""

    name: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


def one_of(*choices: str) -> Kind:
    return Kind("choice", choices)


Ident: TypeAlias = Annotated[str, Kind("ident")]
Text: TypeAlias = Annotated[str, Kind("text")]
Instant: TypeAlias = Annotated[int, Kind("instant")]
Fen: TypeAlias = Annotated[int, Kind("fen")]
FenAbove0: TypeAlias = Annotated[int, Kind("fen", low=1)]
FenFrom0: TypeAlias = Annotated[int, Kind("fen", low=0)]
Count: TypeAlias = Annotated[int, Kind("count", low=0)]
Ppm: TypeAlias = Annotated[int, Kind("count", low=0, high=1_000_000)]
Flag: TypeAlias = Annotated[bool, Kind("flag")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has.  An event counts for a row if ``at < as_of`` and ``arrived < known_at``."""

    KIND: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1
    ROLES: ClassVar[tuple[str, ...]] = ()  # fields that are subjects; the lake keeps one copy per role
    DATA_KIND: ClassVar[str] = ""  # what a consent grant names

    event_id: Ident
    source: Text
    at: Instant
    arrived: Instant
    replaces: Ident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Event):
    """Money from payer to payee.  `order_id` ties it to an order where there is one."""

    KIND, VERSION, ROLES, DATA_KIND = "payment", 1, ("payee", "payer"), "payments"
    payee: Ident
    payer: Ident
    amount_fen: FenAbove0
    channel: Annotated[str, one_of("qr", "online", "transfer", "card", "red_packet")]
    device: Ident | None = None
    order_id: Ident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Event):
    KIND, VERSION, ROLES, DATA_KIND = "order", 1, ("seller", "buyer"), "orders"
    seller: Ident
    buyer: Ident
    order_id: Ident
    amount_fen: FenAbove0
    deposit_fen: FenFrom0
    category: Text
    status: Annotated[str, one_of("completed", "cancelled")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Event):
    """Money back from the merchant (`payee` of the payment) to the customer (`payer`)."""

    KIND, VERSION, ROLES, DATA_KIND = "refund", 1, ("payee", "payer"), "payments"
    payee: Ident
    payer: Ident
    amount_fen: FenAbove0
    payment_id: Ident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Event):
    KIND, VERSION, ROLES, DATA_KIND = "review", 1, ("seller", "buyer"), "orders"
    seller: Ident
    buyer: Ident
    stars: Annotated[int, Kind("count", low=1, high=5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Event):
    """A VAT invoice.  Negative amounts are red-letter invoices; `void` ones were cancelled."""

    KIND, VERSION, ROLES, DATA_KIND = "invoice", 1, ("seller", "buyer"), "invoices"
    seller: Ident
    buyer: Ident
    invoice_no: Ident
    net_fen: Fen
    tax_fen: Fen
    total_fen: Fen
    status: Annotated[str, one_of("valid", "void")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxFiling(Event):
    """One period's filing; `at` is when it was filed, `period_end` when the period closed."""

    KIND, VERSION, ROLES, DATA_KIND = "tax_filing", 1, ("taxpayer",), "tax"
    taxpayer: Ident
    period_end: Instant
    revenue_fen: FenFrom0
    tax_fen: FenFrom0
    on_time: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Event):
    KIND, VERSION, ROLES, DATA_KIND = "login", 1, ("person",), "logins"
    person: Ident
    device: Ident


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditInquiry(Event):
    KIND, VERSION, ROLES, DATA_KIND = "credit_inquiry", 1, ("person",), "credit_reports"
    person: Ident
    lender: Ident
    reason: Annotated[str, one_of("loan", "card", "guarantee", "review")]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLoan(Event):
    """A snapshot of one loan at another lender: balance after `at`, what falls due each month, days past due."""

    KIND, VERSION, ROLES, DATA_KIND = "outside_loan", 1, ("borrower",), "credit_reports"
    borrower: Ident
    lender: Ident
    loan: Ident
    balance_fen: FenFrom0
    monthly_due_fen: FenFrom0
    days_past_due: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Shareholding(Event):
    KIND, VERSION, ROLES, DATA_KIND = "shareholding", 1, ("firm", "holder"), "registry"
    firm: Ident
    holder: Ident
    share_ppm: Ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Event):
    KIND, VERSION, ROLES, DATA_KIND = "role", 1, ("firm", "person"), "registry"
    firm: Ident
    person: Ident
    role: Annotated[
        str, one_of("owner", "legal_representative", "director", "supervisor", "finance", "household_member")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement(Event):
    """Where a merchant stands.  Coordinates are WGS-84 in millionths of a degree."""

    KIND, VERSION, ROLES, DATA_KIND = "placement", 1, ("merchant",), "places"
    merchant: Ident
    street: Ident
    district: Ident
    lat_e6: Annotated[int, Kind("count", low=-90_000_000, high=90_000_000)]
    lon_e6: Annotated[int, Kind("count", low=-180_000_000, high=180_000_000)]
    station_m: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Works(Event):
    """A dated happening on a street, known from `at` on: works, a rival's opening, a new station."""

    KIND, VERSION, ROLES, DATA_KIND = "works", 1, ("street",), "places"
    street: Ident
    what: Annotated[str, one_of("subway", "pipes", "opening", "rival", "closing")]
    starts: Instant
    ends: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFiled(Event):
    KIND, VERSION, ROLES, DATA_KIND = "evidence_filed", 1, ("merchant",), "evidence"
    merchant: Ident
    voucher: Text
    content_sha256: Ident


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(Event):
    KIND, VERSION, ROLES, DATA_KIND = "consent_given", 1, ("subject",), "consent"
    subject: Ident
    grant: Ident
    purpose: Text
    recipient: Ident
    until: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(Event):
    KIND, VERSION, ROLES, DATA_KIND = "consent_withdrawn", 1, ("subject",), "consent"
    subject: Ident
    grant: Ident


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOpened(Event):
    KIND, VERSION, ROLES, DATA_KIND = "line_opened", 1, ("merchant",), "ledger"
    merchant: Ident
    line: Ident
    decision: Ident
    limit_fen: FenFrom0
    rate_ppm: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChanged(Event):
    """A raise, a cut or a freeze; `limit_fen` is the limit from `at` on."""

    KIND, VERSION, ROLES, DATA_KIND = "limit_changed", 1, ("merchant",), "ledger"
    merchant: Ident
    line: Ident
    change: Annotated[str, one_of("raised", "cut", "frozen", "unfrozen")]
    limit_fen: FenFrom0
    reason_code: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawPaid(Event):
    KIND, VERSION, ROLES, DATA_KIND = "draw_paid", 1, ("merchant",), "ledger"
    merchant: Ident
    line: Ident
    drawdown: Ident
    amount_fen: FenAbove0


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaid(Event):
    KIND, VERSION, ROLES, DATA_KIND = "repaid", 1, ("merchant",), "ledger"
    merchant: Ident
    line: Ident
    amount_fen: FenAbove0
    principal_fen: FenFrom0
    interest_fen: FenFrom0


@dataclass(frozen=True, slots=True, kw_only=True)
class DelinquencyMoved(Event):
    KIND, VERSION, ROLES, DATA_KIND = "delinquency_moved", 1, ("merchant",), "ledger"
    merchant: Ident
    line: Ident
    days_past_due: Count
    bucket: Text


ALL_KINDS: dict[str, type[Event]] = {
    kind.KIND: kind
    for kind in (
        Payment, Order, Refund, Review, Invoice, TaxFiling, Login, CreditInquiry, OutsideLoan, Shareholding, Role,
        Placement, Works, EvidenceFiled, ConsentGiven, ConsentWithdrawn, LineOpened, LimitChanged, DrawPaid, Repaid,
        DelinquencyMoved,
    )
}  # fmt: skip
