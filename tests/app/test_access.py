import time

import jwt
import pytest

from dandelion.app.access import Caller, issue_token, prove
from dandelion.core import BadInput, NotProved

SECRET = b"s" * 64


def header(**changes: object) -> str:
    return "Bearer " + issue_token(SECRET, **{"tenant": "t", "subject": "m1", "role": "merchant", **changes})  # type: ignore[arg-type]


def test_a_signed_token_names_tenant_subject_and_role() -> None:
    assert prove(SECRET, header()) == Caller("t", "m1", "merchant")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer x.y.z", "Basic abc", header()[:-2] + "xx"])
def test_what_does_not_verify_is_nobody(given: str | None) -> None:
    with pytest.raises(NotProved):
        prove(SECRET, given)


def test_a_token_of_another_secret_algorithm_or_age_is_refused() -> None:
    claims = {"iss": "dandelion", "ten": "t", "sub": "m1", "role": "operator", "iat": 1, "exp": int(time.time()) + 60}
    forged = [
        jwt.encode(claims, b"x" * 64, algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "exp": 2}, SECRET, algorithm="HS256"),
        jwt.encode({**claims, "role": "root"}, SECRET, algorithm="HS256"),
        jwt.encode({**claims, "iss": "elsewhere"}, SECRET, algorithm="HS256"),
    ]
    for token in forged:
        with pytest.raises(NotProved):
            prove(SECRET, f"Bearer {token}")


def test_a_token_for_an_unknown_role_or_an_endless_life_is_not_issued() -> None:
    with pytest.raises(BadInput):
        issue_token(SECRET, tenant="t", subject="m", role="god")
    with pytest.raises(BadInput):
        issue_token(SECRET, tenant="t", subject="m", role="merchant", ttl_s=10**6)
