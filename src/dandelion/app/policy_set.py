"""Everything that decides, loaded together: book, lists, products, plans, packs, column definitions, models.

A `PolicySet` is immutable; a new one replaces it whole.  Replay builds one from the archive instead of the workspace.
"""

from __future__ import annotations

from collections import ChainMap, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dandelion.app import fund_flow
from dandelion.app.sight_plan import SightPlan, load_plans
from dandelion.core import BadInput, Column, Frame, NotFound, canonical, content_hash
from dandelion.indicators import Definitions, load, standard
from dandelion.models import Forecast, Model, Panel
from dandelion.policy import Book, Lists, Pair, Product, Rollout
from dandelion.policy.rulings import Ruler


@dataclass(frozen=True, slots=True)
class Scorers:
    """The models of one product.  `forecast` is None until one is registered, `shadow` until there is a challenger.

    The shadow is scored in every decision and kept beside it; it decides nothing.
    """

    pd: Model
    forecast: Forecast | None
    shadow: Model | None = None
    _panel: list[Panel] = field(
        default_factory=list, init=False, compare=False, repr=False
    )  # once it is asked to score

    @property
    def hashes(self) -> dict[str, str]:
        by_name = {"pd": self.pd, "forecast": self.forecast, "shadow": self.shadow}
        return {name: model.hash for name, model in by_name.items() if model is not None}

    def scores(self, frame: Frame) -> dict[str, int]:
        """PD of the first row in parts per million, by the champion and by the shadow."""
        models = {name: model for name, model in (("pd", self.pd), ("shadow", self.shadow)) if model is not None}
        if not self._panel:
            self._panel.append(Panel.pack(list(models.values())))
        return dict(zip(models, self._panel[0].score(frame)[0].tolist(), strict=True))

    @property
    def columns(self) -> tuple[str, ...]:
        found = {*self.pd.columns, *(() if self.shadow is None else self.shadow.columns)}
        if self.forecast is not None:
            found |= {*self.forecast.columns, self.forecast.base.column}
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Needs:
    """Indicator columns, the event tables behind them ((kind, role), window in microseconds or None for all), and the
    graph columns."""

    columns: tuple[str, ...]
    tables: tuple[tuple[tuple[str, str], int | None], ...]
    graph: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What a decision is made with, apart from the merchant's own record."""

    book: Book
    lists: Lists
    products: Mapping[str, Product]
    plans: Mapping[str, SightPlan]
    definitions: Definitions
    scorers: Mapping[str, Scorers]
    pair: Pair | None = None  # champion and challenger, while two books stand; `book` is the champion
    rollout: Rollout | None = None
    _needs: dict[str, Needs] = field(default_factory=dict, compare=False, repr=False)
    _make_engine: Callable[[PolicySet, str], Ruler] | None = field(default=None, compare=False, repr=False)
    _engines: dict[str, Ruler] = field(default_factory=dict, compare=False, repr=False)

    def product(self, name: str) -> Product:
        """Errors: NotFound naming the products there are."""
        if name not in self.products or name not in self.plans:
            known = ", ".join(sorted(set(self.products) & set(self.plans)))
            raise NotFound(f"there is no product {name!r}; choose one of {known}", field="product")
        return self.products[name]

    def ruling_engine(self, product: str) -> Ruler:
        """All strategies and models of a product, ready to rule on rows; made at the first use.  Errors: NotFound."""
        found = self._engines.get(product)
        if found is None:
            self.product(product)
            if self._make_engine is None:
                raise NotFound(f"no engine rules on {product!r} here", field="product")
            found = self._engines[product] = self._make_engine(self, product)
        return found

    @property
    def engines_made(self) -> tuple[str, ...]:
        return tuple(self._engines)

    def columns(self, product: str) -> tuple[str, ...]:
        """Ids that a decision on `product` needs, sorted: book, models, money."""
        books = (self.book,) if self.pair is None else (self.book, self.pair.challenger)
        own = (name for book in books for name in book.column_ids(product))
        used = {*own, *self.scorers[product].columns, *self.plans[product].money_columns}
        return tuple(sorted(used))

    def needs(self, product: str) -> Needs:
        """What to compute and read for a decision on `product`; worked out once."""
        if product not in self._needs:
            wanted = self.columns(product)
            flow = tuple(name for name in wanted if name.startswith(fund_flow.ROOM))
            own = tuple(name for name in wanted if not name.startswith(fund_flow.ROOM))
            self._needs[product] = Needs(own, tuple(sorted(self.definitions.needs(own).items())), flow)
        return self._needs[product]


def catalogue(definitions: Definitions) -> Mapping[str, Column]:
    """Every column a book may use: those listed, and the entry of any path over a declared stream."""
    return ChainMap(fund_flow.columns(), definitions.nameable)  # type: ignore[arg-type]  # it is only read


def load_definitions(root: Path) -> Definitions:
    """The standard columns and those of the workspace's `indicators.py`, where there is one."""
    own = root / "indicators.py"
    return load(own) if own.is_file() else standard()


_BOOKS_KEPT = 4
_read_before: OrderedDict[str, tuple[Path, Book]] = OrderedDict()


def load_book(folder: Path, definitions: Definitions) -> Book:
    """The book of a folder, held to the columns there are; files that are the same, byte for byte, are not read twice
    in a process, unless something is found in them, which must be told with this folder's name."""
    files = {file.name: content_hash(file.read_bytes()) for file in sorted(folder.iterdir()) if file.is_file()}
    key, known = content_hash(canonical(files)), catalogue(definitions)
    found = _read_before.pop(key, None)
    held = None if found is None else found[1].held_to(known, strict=False)
    if found is None or (held is not None and held.findings and found[0] != folder):
        found, held = (folder, Book.read(folder)), None
    _read_before[key] = found
    while len(_read_before) > _BOOKS_KEPT:
        _read_before.popitem(last=False)
    return found[1].held_to(known) if held is None or held.findings else held


def load_products(folder: Path) -> dict[str, Product]:
    """Credit terms of every product in `folder`."""
    products = {p.id: p for p in map(Product.load, sorted(folder.glob("*.credit.yaml")))}
    if not products:
        raise BadInput(f"{folder} holds no *.credit.yaml; a product needs one", field="products")
    return products


__all__ = ["PolicySet", "Scorers", "catalogue", "load_book", "load_definitions", "load_plans", "load_products"]
