"""`dandelion models list | card | promote | train`: who serves, what is known about it, learning from a past loan book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dandelion.app.cli.asking import AnswersFor, AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.app.learning import PastBook, PointInTime, Published
    from dandelion.core.frame import Ints
    from dandelion.models import Registry, Thin, Trained

Note = Annotated[str, typer.Option(help="Why a model may serve although its gates failed, in a person's words.")]

models_app = typer.Typer(
    help="Registered models: list, read a card, promote, train from a past loan book.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.add_typer(models_app, name="models")


@models_app.command("list")
def list_models(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """List every registered model; the champion of each name is the one that serves.

    Example: dandelion models list --workspace my-lender
    """
    from dandelion.app.cli import asking, saying
    from dandelion.core import iso

    rows: list[dict[str, Any]] = []
    with asking.house_of(workspace) as house:
        registry = house.registry
        for name in registry.names():
            history = registry.history(name)
            for digest in registry.hashes(name):
                card, serves = registry.card(name, digest), bool(history) and history[-1].hash == digest
                last = next((p for p in reversed(history) if p.hash == digest), None)
                rows.append({
                    "name": name, "hash": digest, "family": card["family"], "champion": serves, "passed": card["passed"],
                    "since": iso(last.at_us) if last else None, "by": last.actor if last else None,
                    "note": last.note if last else "",
                })  # fmt: skip
    if as_json:
        saying.json_line(rows)
        return
    saying.table(
        ("Name", "Model", "Family", "Serves", "Gates", "Promoted", "By", "Note"),
        [
            (
                row["name"], row["hash"][:12], row["family"], "yes" if row["champion"] else "",
                "passed" if row["passed"] else "not passed", (row["since"] or "")[:10], row["by"] or "", row["note"],
            )
            for row in rows
        ],
    )  # fmt: skip


@models_app.command()
def card(
    name: Annotated[str, typer.Argument(help="A model's name, as `models list` shows it.")],
    model: Annotated[str | None, typer.Option(help="Another than the champion: its hash or the start of it.")] = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Print the card of a model: data, judgement, gates, what was set aside.

    Example: dandelion models card pd-shop-line --workspace my-lender
    """
    from dandelion.app.cli import asking, saying

    with asking.house_of(workspace) as house:
        registry = house.registry
        digest = _one_of(registry, name, model)
        if as_json:
            saying.json_line(registry.card(name, digest))
        else:
            typer.echo((registry.folder / name / digest / "card.md").read_text(encoding="utf-8"))


@models_app.command()
def promote(
    name: Annotated[str, typer.Argument(help="A model's name, as `models list` shows it.")],
    model: Annotated[str, typer.Argument(help="Which one: its hash or the start of it.")],
    note: Note = "",
    by: AnswersFor = "command-line",
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a registered model the one that serves.  Where its gates failed, a person has to say why: `--note`.

    A running server goes on with the old one until it is started again.

    Example: dandelion models promote pd-shop-line 3f2a9c --note "pilot of 50 shops, limits halved" --by r.zhao
    """
    from dandelion.app.cli import asking, saying

    with asking.house_of(workspace) as house:
        registry = house.registry
        digest = _one_of(registry, name, model)
        registry.promote(name, digest, by, note=note.strip())
        last = registry.history(name)[-1]
        passed = registry.card(name, digest)["passed"]
    if as_json:
        saying.json_line({"name": name, "hash": digest, "passed": passed, "by": last.actor, "note": last.note})
    else:
        typer.echo(f"{name} {digest[:12]} serves from now on" + ("" if passed else ", by the note of " + last.actor))


def _one_of(registry: Registry, name: str, model: str | None) -> str:
    """The hash that `model` begins, or the champion's where none is given.  Errors: NotFound."""
    from dandelion.core import NotFound

    if name not in registry.names():
        known = ", ".join(registry.names())
        raise NotFound(f"there is no model {name!r}; choose one of {known}", field="name")
    if model is None:
        return registry.champion(name).hash
    fit = [one for one in registry.hashes(name) if one.startswith(model)]
    if len(fit) != 1:
        raise NotFound(f"{len(fit)} models of {name} begin with {model!r}; give more of its hash", field="model")
    return fit[0]


@models_app.command()
def train(
    loans: Annotated[Path, typer.Option(help="The past loan book, Parquet.")],
    out_of_time: Annotated[
        str, typer.Option(help="Nothing learnt after this day trains; loans drawn from it on stay for judging.")
    ],
    product: Annotated[str, typer.Option(help="Whose drawdowns.")] = "shop-line",
    note: Note = "",
    economics_anyway: Annotated[
        bool, typer.Option("--economics-anyway", help="Write what lending earned and lost even if no model serves.")
    ] = False,
    by: AnswersFor = "command-line",
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 310,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Learn from a past book: default, turnover ahead, and what lending earned and lost.  Registers, promotes, re-prices.

    Only merchants with a live consent for training are read.  A model whose gates failed is registered but does not
    serve, and the command ends with exit code 1, unless a person says why it may (`--note`).  The estimates in
    `products/<product>.credit.yaml` are set once the default model serves.  A book with too few bads to be split gets a
    challenger judged by cross-validation beside what serves, and no estimates.

    Example: dandelion models train --loans world/record/loans.parquet --out-of-time 2025-06-01 -w my-lender
    """
    from dandelion.app import economics, fund_flow, learning
    from dandelion.app.cli import asking, saying
    from dandelion.core import start_of_day
    from dandelion.models import Trained

    asking.existing(loans, "a Parquet loan book")
    first_day = asking.day(out_of_time, "out_of_time")
    assert first_day is not None
    oot_us = start_of_day(first_day, fund_flow.TZ)
    with asking.house_of(workspace) as house, saying.stages("train") as tell:
        terms = house.policy.product(product).economics
        book = learning.read_book(loans, product)
        tell(f"{len(book):,} drawdowns; estimating what lending earned and lost")
        earned = effect = None
        with _unless(tell, "estimates stay as they are", "loans"):
            earned = economics.experience(
                loans, product, before_us=oot_us, horizon_days=terms.horizon_days, year_days=terms.year_days
            )
        tell("reading the record of everybody who consented to training")
        past = learning.PointInTime(house, "training")
        if not house.graph.boundaries():
            saying.say("train: no fund-flow snapshots, so their columns are missing; first: dandelion graph build")
        tell("learning who fails to pay")
        trained: Trained | Thin | None = None
        if earned is not None:
            with _unless(tell, "too thin a book to be split", "split."):
                offered = learning.learning_columns(house, product)
                trained = learning.learn_pd(past, book, oot_from_us=oot_us, seed=seed, offered=offered)
            tell("what the limit does to the risk")
            effect = economics.limit_effect_of(past, book, before_us=oot_us)
        if trained is None:
            serves = house.policy.scorers[product].pd
            trained = learning.learn_thin(past, book, serves, oot_from_us=oot_us, seed=seed)
        tell("learning turnover ahead")
        subjects, at = _moments(past, book, oot_us)
        ahead, about = learning.learn_forecast(past, house.policy.plans[product].turnover, subjects, at, seed=seed)
        tell("registering")
        figures = earned
        found = learning.publish(
            house, product, trained, ahead, about, by, note=note, reprice_anyway=economics_anyway,
            reprice=None if figures is None else lambda file: economics.write_into(file, figures, effect),
        )  # fmt: skip
    judged = about.judgement
    if as_json:
        saying.json_line({
            "product": product, "drawdowns": len(book), "pd_model": trained.card.model_hash,
            **_judged(trained), "pd_passed": trained.card.passed,
            "gates_not_passed": [gate.name for gate in trained.card.gates if not gate.passed],
            "forecast_model": about.model_hash, "wape": judged.wape, "wape_naive": judged.wape_naive,
            "coverage": judged.coverage, "forecast_passed": about.passed,
            "loans_for_economics": earned.loans if earned else 0, "lgd_ppm": earned.lgd_ppm if earned else None,
            "ccf_ppm": earned.ccf_ppm if earned else None,
            "serving": found.serving, "waiting": found.waiting, "repriced": found.repriced,
        })  # fmt: skip
        raise typer.Exit(1 if found.waiting else 0)
    rows = [("Default", f"{trained.champion.family} {trained.card.model_hash[:12]}")]
    if isinstance(trained, Trained):
        auc, judgement = trained.card.out_of_time.auc, trained.card.out_of_time
        rows.append(
            (
                "Latest loans before then",
                f"AUC {auc.mean:.3f} ({auc.low:.3f} to {auc.high:.3f}), {judgement.rows:,} loans",
            )
        )
    else:
        rows += [
            ("Cross-validated", trained.card.folded.sentence()), ("From out_of_time on", trained.card.later.sentence())
        ]  # fmt: skip
    gates = "; ".join(f"{gate.name}: {gate.sentence}" for gate in trained.card.gates if not gate.passed)
    lost = (
        f"{earned.lgd_ppm / 10_000:.1f} % over {earned.bads:,} bad of {earned.loans:,} loans"
        if earned
        else "too few bad"
    )
    rows += [
        ("Gates", f"not passed: {gates}" if gates else "all passed"),
        ("Turnover ahead", f"{about.model_hash[:12]}, error {judged.wape:.1%} (run-rate alone {judged.wape_naive:.1%})"),
        ("Lost of what is out", lost),
    ]  # fmt: skip
    saying.facts(f"Learnt for {product}", rows)
    _say_who_serves(product, found, estimated=earned is not None)
    raise typer.Exit(1 if found.waiting else 0)


@contextmanager
def _unless(tell: Callable[[str], None], otherwise: str, field: str) -> Iterator[None]:
    """Goes on without what the book is too thin for, and says why; any other mistake still stops the command."""
    from dandelion.core import BadInput

    try:
        yield
    except BadInput as error:
        if not (error.field or "").startswith(field):
            raise
        tell(f"{otherwise}: {error.message}")


def _judged(trained: Trained | Thin) -> dict[str, Any]:
    """AUC on the latest loans before out_of_time, or, from a thin book, cross-validated and beside what serves."""
    from dandelion.models import Trained

    if isinstance(trained, Trained):
        auc = trained.card.out_of_time.auc
        return {"pd_family": trained.card.family, "auc": auc.mean, "auc_low": auc.low, "auc_high": auc.high}
    shown = {"cross_validated": trained.card.folded.as_json(), "out_of_time": trained.card.later.as_json()}
    return {"pd_family": "logit", **shown}


def _say_who_serves(product: str, found: Published, *, estimated: bool) -> None:
    """Who serves now, who waits for a person, and what to type next."""
    for ref in (found.pd, found.forecast):
        if ref.name in found.serving:
            typer.echo(f"{ref.name} {ref.hash[:12]} serves now; its card: dandelion models card {ref.name}")
            continue
        typer.echo(
            f"{ref.name} {ref.hash[:12]} is registered and does NOT serve: not every gate is passed.\n"
            f"  read why:  dandelion models card {ref.name} --model {ref.hash[:12]}\n"
            f'  a person may answer for it:  dandelion models promote {ref.name} {ref.hash[:12]} --note "..." --by NAME'
        )
    why = "--note or --economics-anyway sets them" if estimated else "the book is too thin for them"
    state = "set" if found.repriced else f"left as they are ({why})"
    typer.echo(f"Estimates in products/{product}.credit.yaml: {state}")


def _moments(past: PointInTime, book: PastBook, before_us: int) -> tuple[Any, Ints]:
    """(merchant, instant): every second month start of the book whose half-year had passed before `before_us`, for
    every consented merchant in the book by then."""
    import numpy as np

    from dandelion.app.fund_flow import TZ, month_starts
    from dandelion.app.learning import FORECAST_DAYS
    from dandelion.core import DAY_US, BadInput

    latest = before_us - FORECAST_DAYS * DAY_US
    months = month_starts(int(book.drawn_at.min()), latest, TZ)[::2] if len(book) else []
    merchants = sorted(set(book.merchant[book.drawn_at < before_us].tolist()) & past.subjects)
    if not months or not merchants:
        raise BadInput("no consented merchant of the book drew half a year before out_of_time; give a later day",
                       field="out_of_time")  # fmt: skip
    return np.array(merchants * len(months), object), np.repeat(np.array(months, np.int64), len(merchants))
