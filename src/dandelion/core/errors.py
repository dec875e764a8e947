"""One family of errors.  Each has a stable code, an HTTP status, and a sentence that names field and remedy.

>>> raise_me = BadInput("amount_fen is -5; give a whole number of fen above zero", field="amount_fen")
>>> raise_me.code, raise_me.status, raise_me.field
('bad_input', 422, 'amount_fen')
"""

from __future__ import annotations

from typing import ClassVar


class DandelionError(Exception):
    """Base of everything Dandelion raises on purpose.  ``str(error)`` is fit to show to the caller."""

    code: ClassVar[str] = "dandelion_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def as_json(self) -> dict[str, str | None]:
        return {"code": self.code, "message": self.message, "field": self.field}


class BadInput(DandelionError):  # noqa: N818 - reads as the sentence it is
    code, status = "bad_input", 422


class NotProved(DandelionError):  # noqa: N818
    """No token, or one that does not verify."""

    code, status = "not_proved", 401


class NotAllowed(DandelionError):  # noqa: N818
    """The caller is known and may not do this."""

    code, status = "not_allowed", 403


class ConsentMissing(DandelionError):  # noqa: N818
    """No live grant for this subject, purpose and recipient."""

    code, status = "consent_missing", 403


class NotFound(DandelionError):  # noqa: N818
    code, status = "not_found", 404


class Conflict(DandelionError):  # noqa: N818
    """The same idempotency key came with another body, or the state does not allow this step."""

    code, status = "conflict", 409


class ConditionUnmet(DandelionError):  # noqa: N818
    """A condition precedent (identity, payout account, contract, use of money) is still open."""

    code, status = "condition_unmet", 409


class Erased(DandelionError):  # noqa: N818
    code, status = "erased", 410


class TooLarge(DandelionError):  # noqa: N818
    code, status = "too_large", 413


class TooMany(DandelionError):  # noqa: N818
    """Rate limit or back-pressure.  ``retry_after_s`` tells when to come back."""

    code, status = "too_many", 429

    def __init__(self, message: str, *, retry_after_s: int, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class Unavailable(DandelionError):  # noqa: N818
    code, status = "unavailable", 503
