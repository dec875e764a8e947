"""Who did something: an id from a verified token, the role proved with it, and whether a person stood behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`role` is one of merchant, analyst, operator, auditor, service; `is_human` counts towards people involved."""

    id: str
    role: str
    is_human: bool = False


SYSTEM = Actor("system", "service")
