"""Simulated providers of identity and account checks.  For demos and tests; a lender plugs in its own."""

from __future__ import annotations

import hashlib

from dandelion.core import BadInput
from dandelion.lending.conditions import AccountClaim, IdentityClaim, Proof

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def valid_identity_number(number: str) -> bool:
    """Whether an 18-character resident number has the right check character (GB 11643-1999)."""
    if len(number) != 18 or not number[:17].isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return _CHECK[total % 11] == number[17].upper()


class SimulatedIdentity:
    """Passes a well-formed name, a resident number with a right check character, and any face token but "mismatch"."""

    def check(self, claim: IdentityClaim) -> Proof:
        if not claim.name or not claim.identity_number:
            raise BadInput("give name and identity_number", field="identity_number")
        reason = ""
        if not valid_identity_number(claim.identity_number):
            reason = "number does not exist"
        elif claim.face_token == "mismatch":  # noqa: S105 - a magic word of the simulation
            reason = "face does not match"
        return Proof("simulated", _reference("identity", claim.subject), not reason, "name, number and face", reason)


class SimulatedAccounts:
    """Passes an account whose holder it knows under the claimed name; by default it knows every account as its claimant's.

    ``SimulatedAccounts({"6222...": "Li"})`` makes an account somebody else's.
    """

    def __init__(self, holders: dict[str, str] | None = None) -> None:
        self._holders = dict(holders or {})

    def check(self, claim: AccountClaim) -> Proof:
        if not claim.account_number.isalnum():
            raise BadInput("account_number must be letters and digits", field="account_number")
        held = self._holders.get(claim.account_number, claim.holder_name) == claim.holder_name
        token = "acct_" + hashlib.blake2b(claim.account_number.encode(), digest_size=12).hexdigest()
        reason = "" if held else "held by somebody else"
        reference = _reference("account", claim.subject + claim.account_number)
        return Proof("simulated", reference, held, "name match with the account's bank", reason, token if held else "")


def _reference(kind: str, text: str) -> str:
    return f"sim-{kind}-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
