"""Who is calling: a signed token names tenant, subject and role.  Deny by default.

Tokens are JWTs signed with HS256 under the house's own secret; they carry nothing personal and end after `ttl_s`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import jwt

from dandelion.core import BadInput, NotAllowed, NotProved, new_id

ROLES: Final = ("merchant", "analyst", "operator", "auditor", "service")
HUMAN_STAFF: Final = ("analyst", "operator", "auditor")
_ISSUER: Final = "dandelion"
_ALGORITHM: Final = "HS256"
TTL_S_MAX: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """A proved caller.  `subject` is the surrogate id the token was given to."""

    tenant: str
    subject: str
    role: str

    @property
    def is_staff_person(self) -> bool:
        """True for a human employee of the lender; the applicant is not counted as somebody in the loop."""
        return self.role in HUMAN_STAFF

    def must_have_role(self, *roles: str) -> None:
        if self.role not in roles:
            raise NotAllowed(f"role {self.role} may not do this; it takes {' or '.join(roles)}", field="role")


def issue_token(secret: bytes, *, tenant: str, subject: str, role: str, ttl_s: int = 3600) -> str:
    """A signed token.  Errors: BadInput for an unknown role, an empty name, or a life over 24 h."""
    if role not in ROLES:
        raise BadInput(f"role {role!r} is unknown; choose one of {', '.join(ROLES)}", field="role")
    if not tenant or not subject:
        raise BadInput("a token needs a tenant and a subject", field="subject")
    if not 0 < ttl_s <= TTL_S_MAX:
        raise BadInput(f"ttl_s is {ttl_s}; choose 1 to {TTL_S_MAX}", field="ttl_s")
    now = int(time.time())  # the life of a token is real time, also where the business clock is moved
    claims = {
        "iss": _ISSUER,
        "ten": tenant,
        "sub": subject,
        "role": role,
        "iat": now,
        "exp": now + ttl_s,
        "jti": new_id(),
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def prove(secret: bytes, authorization: str | None) -> Caller:
    """The caller behind an ``Authorization: Bearer ...`` header.  Errors: NotProved."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotProved("send the header Authorization: Bearer <token>", field="authorization")
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub", "ten", "role"]},
        )
    except jwt.ExpiredSignatureError:
        raise NotProved("the token has expired; ask for a new one", field="authorization") from None
    except jwt.InvalidTokenError:
        raise NotProved("the token does not verify; ask the lender for a new one", field="authorization") from None
    if claims["role"] not in ROLES or not isinstance(claims["ten"], str):
        raise NotProved("the token names no known role", field="authorization")
    return Caller(tenant=claims["ten"], subject=claims["sub"], role=claims["role"])
