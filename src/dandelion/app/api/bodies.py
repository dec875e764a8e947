"""What callers may send.  Unknown fields are refused; every size has a limit; money is whole fen."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Ref = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:\-]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fen = Annotated[StrictInt, Field(gt=0, le=10**13)]

DATA_KINDS = Literal[
    "payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places", "evidence", "ledger"
]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsentBody(Body):
    """One purpose, the kinds of data, and for how many days."""

    purpose: Literal["credit", "servicing", "training"] = Field(examples=["credit"])
    data_kinds: list[DATA_KINDS] = Field(min_length=1, max_length=10, examples=[["payments", "orders"]])
    days: int = Field(default=365, ge=1, le=1095)
    notice_sha256: Sha256 | None = Field(default=None, description="Hash of the notice the merchant was shown.")


class ApplicationBody(Body):
    product: Ref = Field(examples=["shop-line"])
    trade: Annotated[str, StringConstraints(max_length=60)] = Field(
        default="", examples=["小吃"], description="What the business does, in the merchant's own words."
    )


class IdentityBody(Body):
    """Goes to the identity provider and encrypted into the record; never into a log."""

    name: Name
    id_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{6,20}$")]
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{6,15}$")]


class PayoutAccountBody(Body):
    account_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,30}$")]
    bank: Name


class ContractBody(Body):
    sha256: Sha256 = Field(description="Hash of the contract text that was shown.")


class UseBody(Body):
    use: Literal["stock", "equipment", "rent", "wages", "decoration", "other_business"]


class QuoteBody(Body):
    line: Ref
    amount_fen: Fen
    days: int | None = Field(default=None, ge=1, le=366, description="Repaid in one sum after so many days instead.")


class DrawBody(Body):
    line: Ref
    amount_fen: Fen


class RepaymentBody(Body):
    amount_fen: Fen
    source_ref: Ref = Field(description="The bank's reference of the money received.")
    value_date: date | None = Field(default=None, description="The day it counts from, where that is past.")


class ActivityBody(Body):
    """Events of one kind, columns by name; see docs/api.md."""

    kind: Ref
    source: Ref
    events: list[dict[str, Any]] = Field(min_length=1, max_length=1000)


class ContestBody(Body):
    statement: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class ResolutionBody(Body):
    """A person's answer to a contest; `limit_fen` and `rate_ppm` only with overturned."""

    outcome: Literal["upheld", "overturned"]
    note: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    limit_fen: Fen | None = None
    rate_ppm: Annotated[StrictInt, Field(gt=0, le=1_000_000)] | None = None


class ClockBody(Body):
    now: Annotated[str, StringConstraints(max_length=40)] = Field(examples=["2025-11-12T00:00:00Z"])
