"""Pins the default book to the present catalogue: run it after somebody has looked at what a changed column now means."""

from __future__ import annotations

from policy_samples import DEFAULTS, catalogue

from dandelion.policy import pin

if __name__ == "__main__":
    print("\n".join(pin(DEFAULTS / "strategies", catalogue())) or "nothing changed")
