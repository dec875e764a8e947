"""Control and benefit against exhaustive fixpoints and rational arithmetic, on random registers full of cycles."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from ownership_oracle import Random, benefits, closed_cycles, controlled_by, controllers, random_register

from dandelion.core import BadInput
from dandelion.graph.ownership import OwnerLine, Votes, benefit, controlled, heads, holdings, integrated, ownership

LINE = OwnerLine(250_000, True, "a test")
PPB = 1_000_000_000
REGISTERS = [random_register(random.Random(20_000 + seed)) for seed in range(300)]


def test_the_random_registers_hold_every_sort_of_trouble() -> None:
    assert sum(bool(closed_cycles(one)) for one in REGISTERS) >= 10
    assert sum(any(kind == "circle" for kind, _ in controllers(one).values()) for one in REGISTERS) >= 10
    assert sum(bool(one.concert) for one in REGISTERS) >= 30
    assert sum(any(h == f and ppm for (h, f), ppm in one.shares.items()) for one in REGISTERS) >= 30


def test_what_a_party_controls_is_the_least_fixpoint() -> None:
    for register in REGISTERS:
        votes = Votes.of(holdings(register.statements))
        for party in register.parties:
            found = {votes.names[node] for node in controlled(votes, [votes.place[party]])}
            assert found == controlled_by(register, party), register


def test_the_head_of_every_firm_is_the_one_controller_whom_nobody_controls() -> None:
    for register in REGISTERS:
        votes = Votes.of(holdings(register.statements))
        top = heads(votes)
        for party, (kind, wanted) in controllers(register).items():
            number = votes.place[party]
            head = int(top.head[number])
            found = (
                ("circle", None)
                if head in top.in_circle
                else ("sole", votes.names[head])
                if head != number
                else ("none", None)
            )
            assert found == (kind, wanted), (register, party)


def test_benefit_is_the_rational_solution_and_nothing_gets_lost() -> None:
    for register in REGISTERS:
        shares, undisclosed, stuck = benefits(register)
        held = holdings(register.statements)
        for firm in shares:
            found = benefit(held, firm)
            exact = {party: share for party, share in shares[firm].items() if round(share * PPB)}
            assert dict(found.shares_ppb).keys() == exact.keys(), (register, firm)
            for party, ppb in found.shares_ppb:
                assert abs(Fraction(ppb, PPB) - exact[party]) <= Fraction(1, PPB), (register, firm, party)
            assert abs(Fraction(found.undisclosed_ppb, PPB) - undisclosed[firm]) <= Fraction(1, PPB)
            assert abs(Fraction(found.stuck_ppb, PPB) - stuck[firm]) <= Fraction(1, PPB)
            ends = sum(ppb for party, ppb in found.shares_ppb if party in found.last)
            assert abs(ends + found.undisclosed_ppb + found.stuck_ppb - PPB) <= 8


def test_firms_that_hold_each_other_whole_are_named_and_refused() -> None:
    refused = 0
    for register in REGISTERS:
        held = holdings(register.statements)
        for firm in closed_cycles(register):
            with pytest.raises(BadInput, match=f"(hold each other|holds itself) whole, so nobody outside owns {firm}"):
                benefit(held, firm)
            refused += 1
    assert refused


def test_asking_for_many_firms_at_once_gives_what_each_gives_alone() -> None:
    for register in REGISTERS[:60]:
        held = holdings(register.statements)
        firms = [held.place[firm] for firm in benefits(register)[0]]
        for firm, together in zip(firms, integrated(held, firms), strict=True):
            alone = dict(benefit(held, held.parties[firm]).shares_ppb)
            assert {held.parties[p]: round(s * PPB) for p, s in together.items() if round(s * PPB)} == pytest.approx(
                alone, abs=1
            )


def test_a_beneficial_owner_passes_by_benefit_or_votes_or_control_and_is_never_a_firm() -> None:
    line = Fraction(LINE.ppm, 1_000_000)
    for register in REGISTERS:
        if register.concert:
            continue
        shares, _, _ = benefits(register)
        tops = controllers(register)
        held = holdings(register.statements)
        below = {party: controlled_by(register, party) | {party} for party in register.parties}
        for firm in shares:
            found = {owner.party for owner in ownership(held, firm, LINE).beneficial}
            firms = {pair[1] for pair in register.shares}
            wanted = set()
            for party in set(register.parties) - firms:
                cast = sum(v for (h, f), v in register.votes.items() if f == firm and h != f and h in below[party])
                by_votes = Fraction(cast, 1_000_000) >= line
                if shares[firm].get(party, 0) >= line or by_votes or tops[firm] == ("sole", party):
                    wanted.add(party)
            assert found == wanted, (register, firm)


def test_numbers_do_not_depend_on_the_order_of_lines() -> None:
    for register in REGISTERS[:60]:
        told = register.statements
        shuffled = random.Random(3).sample(told, len(told))
        one, other = holdings(told), holdings(shuffled)
        assert one.parties == other.parties and np.array_equal(one.share_ppm, other.share_ppm)
        assert np.array_equal(heads(Votes.of(one)).head, heads(Votes.of(other)).head)


def test_a_register_of_the_oracle_is_what_it_says() -> None:
    loop = Random({("a", "b"): 1_000_000, ("b", "a"): 1_000_000}, {("a", "b"): 1_000_000, ("b", "a"): 1_000_000}, {})
    assert closed_cycles(loop) == {"a", "b"} and controllers(loop) == {"a": ("circle", None), "b": ("circle", None)}
