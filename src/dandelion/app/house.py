"""`House`: the rooms of one workspace, opened together.  It composes; it holds no business rules."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from dandelion import __version__
from dandelion.app.access import Caller
from dandelion.app.answer import Answer
from dandelion.app.api.limits import Measures
from dandelion.app.archive import Archive
from dandelion.app.clocks import MovedClock, open_clock
from dandelion.app.config import Settings
from dandelion.app.peers import PeerStore
from dandelion.app.policy_set import (
    PolicySet,
    Scorers,
    catalogue,
    load_book,
    load_definitions,
    load_plans,
    load_products,
)
from dandelion.app.published import Standing, standing
from dandelion.app.rate_limit import Allowance, RateLimiter
from dandelion.app.rulings.engines import ServedModels, models_of, ruler_of
from dandelion.app.sight_plan import SightPlan
from dandelion.core import BadInput, Clock, DandelionError, NotFound, canonical, content_hash
from dandelion.graph import GraphStore
from dandelion.lending import (
    AccountProvider,
    BankRail,
    Faults,
    IdentityProvider,
    Lending,
    Pack,
    Packs,
    Products,
    SimulatedAccounts,
    SimulatedIdentity,
    SimulatedRail,
)
from dandelion.models import ExpertScorecard, Forecast, Model, Registry
from dandelion.policy import Book, Lists, Pair
from dandelion.policy.rulings import Ruler
from dandelion.vault import Actor, Terms, Vault

__all__ = ["Answer", "House"]
log = logging.getLogger("dandelion.house")


class House:
    """One open workspace.  Safe for many threads; `close` it."""

    def __init__(self, settings: Settings, clock: Clock, vault: Vault, lending: Lending, registry: Registry) -> None:
        self.settings = settings
        self.clock = clock
        self.vault = vault
        self.lending = lending
        self.registry = registry
        self.secret = settings.secret()
        self.archive = Archive(settings.state / "archive")
        self.graph = GraphStore(settings.state / "graph")
        self.peers = PeerStore(settings.state / "peers")
        self.payout_wanted = threading.Event()
        self.measures = Measures()
        access = settings.access
        self.limits = RateLimiter(
            {
                "apply": Allowance(access.apply_burst, access.apply_per_minute),
                "draw": Allowance(access.draw_burst, access.draw_per_minute),
                "replay": Allowance(access.replay_burst, access.replay_per_minute),
            }
        )
        self.identity: IdentityProvider = SimulatedIdentity()
        self.accounts: AccountProvider = SimulatedAccounts()
        if settings.rail.kind != "simulated" or settings.rail.faults not in ("none", "rough"):
            raise BadInput('[rail] knows kind = "simulated" with faults = "none" or "rough"', field="rail")
        faults = Faults.rough() if settings.rail.faults == "rough" else Faults()
        self.rail: BankRail = SimulatedRail(
            settings.state / "rail.sqlite", seed=settings.rail.seed, faults=faults, clock=clock
        )
        self._policy: PolicySet | None = None
        self._stands: Standing | None = None
        self._refused: Standing | None = None  # what stands but could not be read
        self.is_refreshed = False  # whether a thread looks for what was published
        self._look_again_s = 0.0
        self.decisions_made = itertools.count(1)
        self._served = ServedModels()
        self._reloading = threading.Lock()

    @classmethod
    def open(cls, root: Path, *, deciding: bool = True) -> House:
        """Open the workspace at `root`.  Errors: BadInput, Conflict and NotFound that name the file at fault.

        Without `deciding`, policy and champions are read only when asked for: a replay must work where they are damaged.
        """
        settings = Settings.load(root)
        settings.state.mkdir(parents=True, exist_ok=True)
        clock = open_clock(settings.clock.kind, settings.state / "clock.json", settings.clock.start or None)
        vault = Vault.connect(settings.database_url, lake=settings.lake, clock=clock)
        packs, products = Packs.load(root / "packs"), Products.load(root / "products")
        lending = Lending(packs, products, jurisdiction=settings.lender.jurisdiction)
        house = cls(settings, clock, vault, lending, Registry(settings.state / "models", clock))
        if deciding:
            house.reload_policy()
        return house

    @property
    def tenant(self) -> str:
        return self.settings.lender.tenant

    @property
    def recipient(self) -> str:
        return self.settings.lender.recipient

    @property
    def licence(self) -> str:
        return self.settings.lender.licence_type

    @property
    def clock_is_moved(self) -> bool:
        return isinstance(self.clock, MovedClock)

    @property
    def pack(self) -> Pack:
        """The rules in force now."""
        return self.lending.pack_for(self.licence, self.clock.now())

    def household(self, subject: str) -> frozenset[str]:
        """Everybody who stands and falls with `subject`, itself included, as of the latest graph snapshot."""
        latest = self.graph.latest(self.clock.now())
        return frozenset([subject]) if latest is None else latest.households.members(subject)

    def actor(self, caller: Caller) -> Actor:
        return Actor(caller.subject, caller.role, is_human=caller.is_staff_person)

    def consent_terms(self, purpose: str, notice_sha256: str | None) -> Terms:
        """What a consent receipt says beside the grant: the controller, the notice, the processing."""
        notice = f"{self.recipient}: data named in the grant are read for {purpose} and for nothing else"
        return Terms(
            controller=self.recipient, controller_contact=f"data-protection@{self.tenant}.example",
            notice_version="1", notice_sha256=notice_sha256 or content_hash(notice.encode()), notice_language="zh",
            processing=notice, jurisdiction=self.settings.lender.jurisdiction.upper(),
        )  # fmt: skip

    @property
    def policy(self) -> PolicySet:
        """The policy in force, whole."""
        return self.reload_policy() if self._policy is None else self._policy

    def reload_policy(self) -> PolicySet:
        """Read policy and models again and swap them in whole; on any error the old ones stay."""
        with self._reloading:
            stands, before = standing(self.vault, self.tenant), self._policy
            found = self._load_policy(stands)
            for product in before.engines_made if before is not None else ():
                found.ruling_engine(product)  # made before it serves, so that no request waits for it
            self._policy, self._stands, self._refused = found, stands, None
        return found

    def _load_policy(self, stands: Standing | None) -> PolicySet:
        root = self.settings.root
        definitions = load_definitions(root)
        champion = self._book_folder("" if stands is None else stands.champion)
        book = load_book(champion, definitions)
        rollout = None if stands is None else stands.rollout
        other = None if rollout is None else load_book(self._book_folder(rollout.challenger), definitions)
        lists = Lists.load(root / "lists", self.list_key)
        products, plans = load_products(root / "products"), load_plans(root / "products")
        scorers = {name: self._scorers(plan) for name, plan in plans.items()}
        found = PolicySet(
            book, lists, products, plans, definitions, scorers, None if other is None else Pair(book, other), rollout,
            _make_engine=self._ruling_engine,
        )  # fmt: skip
        self._keep(found.book, champion, found.lists, plans)
        return found

    def _book_folder(self, name: str) -> Path:
        """Where a published book lies; the workspace's own folder before the first publication."""
        return self.archive.find("book", name) if name else self.settings.root / "strategies"

    def look_for_publication(self) -> None:
        """Take up now and then what was published since; where a thread of its own looks, nobody else has to."""
        now = time.monotonic()
        if self.is_refreshed or now < self._look_again_s:
            return
        self._look_again_s = now + self.settings.publication.look_every_s
        self.take_up_publication()

    def take_up_publication(self) -> bool:
        """Take up what was published since, from whichever process; whether something was.

        A book that cannot be read leaves the old one, and is not read again until something else stands.
        """
        stands = standing(self.vault, self.tenant)
        if stands in (self._stands, self._refused):
            return False
        try:
            self.reload_policy()
        except (DandelionError, OSError) as error:
            self._refused = stands
            log.warning("the published book was refused, the one before goes on: %s", error)
            return False
        return True

    def _ruling_engine(self, policy: PolicySet, product: str) -> Ruler:
        folder = self.settings.root / "products"
        names, models = models_of(folder, product, policy.scorers[product].pd, self.registry)
        panel = self._served.panel(product, models)
        known = catalogue(policy.definitions)
        two = None if policy.pair is None or policy.rollout is None else (policy.pair, policy.rollout)
        engine = ruler_of(two or policy.book, product, names, panel, known, policy.lists.hash, __version__)
        self.archive.keep("ruling-models", engine.models_hash, {"models.json": canonical(engine.models_named)})
        return engine

    @cached_property
    def list_key(self) -> bytes:
        """Lists are sealed with a key of their own, derived from the house's secret."""
        return content_hash(b"lists" + self.secret).encode()

    def _keep(self, book: Book, folder: Path, lists: Lists, plans: Mapping[str, SightPlan]) -> None:
        root = self.settings.root
        self.archive.keep_folder("book", book.hash, folder, book.strategy_hashes())
        self.archive.keep_folder("lists", lists.hash, root / "lists", {n: one.hash for n, one in lists.by_name.items()})
        for name, product in load_products(root / "products").items():
            file = root / "products" / f"{name}.credit.yaml"
            self.archive.keep("product", product.hash, {file.name: file.read_bytes()})
        for name, plan in plans.items():
            file = root / "products" / f"{name}.sight.yaml"
            self.archive.keep("sight", plan.hash, {file.name: file.read_bytes()})

    def _scorers(self, plan: SightPlan) -> Scorers:
        pd = self._champion(plan.pd_model)
        if pd is None:
            start = ExpertScorecard.load(self.settings.root / plan.start_scorecard)
            ref = self.registry.publish(plan.pd_model, start.model(), start.card())
            note = "starting scorecard: no loan book to train on yet"
            self.registry.promote(plan.pd_model, ref.hash, "workspace", note=note)
            pd = start.model()
        assert isinstance(pd, Model), plan.pd_model
        forecast = self._champion(plan.forecast_model)
        assert forecast is None or isinstance(forecast, Forecast), plan.forecast_model
        shadow = self._champion(plan.shadow_model)
        assert shadow is None or isinstance(shadow, Model), plan.shadow_model
        return Scorers(pd, forecast, shadow)

    def _champion(self, name: str) -> Model | Forecast | None:
        with suppress(NotFound):
            return self.registry.load(self.registry.champion(name).hash)
        return None

    def facts(self) -> dict[str, str]:
        """What the status page shows: nothing about anybody."""
        policy = self.policy
        return {
            "version": __version__,
            "lender": f"{self.tenant} ({self.licence}, {self.settings.lender.jurisdiction})",
            "database": "SQLite" if self.vault.database.is_sqlite else "PostgreSQL",
            "products": ", ".join(sorted(policy.products)),
            "strategies": f"{len(policy.book.strategies)} in book {policy.book.hash[:12]}",
            "models": ", ".join(f"{name} {s.pd.hash[:8]}" for name, s in sorted(policy.scorers.items())),
        }

    def health(self) -> dict[str, Any]:
        """Reads the record once; raises where that fails."""
        waiting = self.vault.outbox.waiting("lending.payout", tenant=self.tenant)
        return {
            "status": "ok", "version": __version__, "payouts_waiting": waiting,
            "clock": "moved" if self.clock_is_moved else "system",
        }  # fmt: skip

    def close(self) -> None:
        self.vault.close()
