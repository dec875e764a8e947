import dandelion.core.errors as errors
from dandelion.core import DandelionError, TooMany


def test_every_error_has_its_own_code_and_a_client_status() -> None:
    family = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, DandelionError)]
    family.remove(DandelionError)
    assert len({e.code for e in family}) == len(family)
    assert all(400 <= e.status < 504 for e in family)


def test_too_many_says_when_to_come_back() -> None:
    assert TooMany("slow down", retry_after_s=3).retry_after_s == 3
