"""A lending desk for tests: a vault on a clock, the shipped packs and products, a line ready to draw on."""

from __future__ import annotations

from pathlib import Path

from dandelion.core import DAY_US, ManualClock
from dandelion.lending import (
    AccountClaim,
    Faults,
    IdentityClaim,
    Lending,
    LineView,
    Packs,
    PayoutWorker,
    Products,
    Proof,
    SimulatedAccounts,
    SimulatedIdentity,
    SimulatedRail,
    TrialBalance,
)
from dandelion.vault import Actor, Vault, Work
from dandelion.vault.tables import grants

T = "acme"
MERCHANT = Actor("m1", "merchant", True)
ID_NUMBER = "11010519491231002X"  # the example number printed in the standard GB 11643


class Desk:
    """Shortcuts over the real room; nothing here is a mock."""

    def __init__(
        self, vault: Vault, clock: ManualClock, folder: Path, faults: Faults | None = None, tenant: str = T
    ) -> None:
        self.tenant = tenant
        self.vault, self.clock = vault, clock
        self.lending = Lending(Packs.load(), Products.load())
        self.rail = SimulatedRail(folder / "rail.db", seed=310, faults=faults, clock=clock)
        self.worker = PayoutWorker(vault, self.lending, self.rail)

    def consent(self, subject: str = "m1") -> None:
        with self.vault.database.write() as connection:
            connection.execute(
                grants.insert().values(
                    tenant=self.tenant, grant_id=f"g-{subject}", subject=subject, purpose="credit", recipient="house",
                    data_kinds="[]", from_us=0, until_us=2**62, withdrawn_us=None, terms="{}",
                )
            )  # fmt: skip

    def withdraw(self, subject: str = "m1") -> None:
        with self.vault.database.write() as connection:
            connection.execute(grants.update().where(grants.c.subject == subject).values(withdrawn_us=self.clock.now()))

    def open(self, limit_fen: int = 5_000_000, rate_ppm: int = 144_000, **more: str) -> str:
        """A line for `m1` with nothing proved yet."""
        with self.vault.unit_of_work(self.tenant) as work:
            return self.open_in(work, limit_fen, rate_ppm, **more)

    def open_in(self, work: Work, limit_fen: int = 5_000_000, rate_ppm: int = 144_000, **more: str) -> str:
        options = {"subject": "m1", "product": "shop-line", "decision_id": "d1"} | more
        return self.lending.open_line(work, limit_fen=limit_fen, rate_ppm=rate_ppm, **options).line_id

    def prove(self, line_id: str, subject: str = "m1") -> None:
        """Meet every condition."""
        identity = SimulatedIdentity().check(IdentityClaim(subject, "王小明", ID_NUMBER, "face"))
        account = self.account(subject)
        with self.vault.unit_of_work(self.tenant) as work:
            self.lending.record_identity(work, subject, identity, MERCHANT)
            self.lending.record_payout_account(work, subject, account, MERCHANT)
            shown = self.lending.contract(work, line_id)
            self.lending.accept_contract(work, line_id, shown.sha256, MERCHANT)
            self.lending.declare_use(work, line_id, "stock", MERCHANT)

    def account(self, subject: str = "m1") -> Proof:
        return SimulatedAccounts().check(AccountClaim(subject, "王小明", "6222000011112222"))

    def ready(self, limit_fen: int = 5_000_000, rate_ppm: int = 144_000, **more: str) -> str:
        """A line that can be drawn on at once."""
        subject = more.get("subject", "m1")
        self.consent(subject)
        line_id = self.open(limit_fen, rate_ppm, **more)
        self.prove(line_id, subject)
        return line_id

    def draw(self, line_id: str, fen: int, ref: str) -> str:
        with self.vault.unit_of_work(self.tenant) as work:
            return self.lending.draw(work, line_id, fen, ref).drawdown_id

    def pay_out(self) -> None:
        """Run the worker until the outbox is empty; moves the clock on by the pauses it asks for."""
        for turn in range(200):
            self.worker.run_once(tenant=self.tenant)
            if self.vault.outbox.waiting("lending.payout", tenant=self.tenant) == 0:
                return
            self.clock.move_to(self.clock.now() + 1_000_000 * 2 ** min(turn // 20, 8))  # as the worker's pauses grow
        raise AssertionError("payouts never came to an end")

    def repay(self, line_id: str, fen: int, ref: str):
        with self.vault.unit_of_work(self.tenant) as work:
            return self.lending.repay(work, line_id, fen, ref)

    def days(self, n: int) -> None:
        self.clock.move_to(self.clock.now() + n * DAY_US)

    def view(self, line_id: str) -> LineView:
        with self.vault.database.read() as connection:
            return self.lending.line(connection, self.tenant, line_id, self.clock.now())

    def books(self) -> TrialBalance:
        with self.vault.database.read() as connection:
            return self.lending.trial_balance(connection, self.tenant)
