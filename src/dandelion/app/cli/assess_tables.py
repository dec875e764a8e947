"""An assessment on one screen: what was decided, why, how far to trust it, and where the whole report lies."""

from __future__ import annotations

from dandelion.app.assess.invoices_result import Result
from dandelion.app.assess.payments_result import Merchant, PaymentsResult
from dandelion.app.cli.saying import facts, paths, points, table, yuan

MERCHANTS_SHOWN = 20
_FILES = {
    "report.html": "the report, with charts", "decisions.csv": "every firm, with reasons",
    "result.json": "every figure", "set_aside.csv": "rows set aside",
}  # fmt: skip
_KEYS = {
    "report": "the report, with charts", "csv": "every merchant", "json": "every figure",
    "quarantine": "rows set aside", "outcomes_quarantine": "outcomes set aside",
}  # fmt: skip
_SHAPES = {
    "dandelion": "dandelion (a shop's)", "between": "in between", "yarn_ball": "yarn ball (a person's)",
    "cannot_see": "cannot be seen",
}  # fmt: skip


_CODES = {"pd_too_high": "default too likely"}


def _words(code: str) -> str:
    return _CODES.get(code, code.replace("_", " "))


def show_invoices(found: Result) -> None:
    """Decision first, then the evidence, then what the evidence cannot show."""
    about = found.details
    rows, cleaned, profit = about["rows"], about["cleaning"], about["profit_gain_interval"]
    declined = about["firms_decided"] - found.firms_approved
    why = ", ".join(f"{_words(code)} {count}" for code, count in about["first_reasons"].items())
    grades = ", ".join(f"{grade} {count}" for grade, count in about["grades"].items())
    facts(
        "What to lend",
        [
            ("Firms to decide", f"{about['firms_decided']} (grades {grades})"),
            ("Approved", f"{found.firms_approved}"),
            ("Declined", f"{declined}, by main reason: {why}" if declined else "0"),
            ("Limits granted", f"¥{found.budget_spent_yuan:,} of a budget of ¥{about['budget_yuan']:,}"),
            ("Expected to be drawn", f"¥{about['expected_drawn_yuan']:,}, after firms that leave at their rate"),
            ("Expected profit a year", f"¥{about['expected_profit_yuan']:,}"),
        ],
    )
    better = found.auc_gain_low > 0
    facts(
        "How far to trust it (firms the model had not seen)",
        [
            ("Ranking of firms (AUC)", f"{found.auc_cv_mean:.3f} ({found.auc_cv_low:.3f} to {found.auc_cv_high:.3f})"),
            ("Total sales alone (AUC)", f"{found.auc_total_sales:.3f}"),
            (
                "Gain over total sales",
                f"{found.auc_gain_low:+.3f} to {found.auc_gain_high:+.3f}: "
                f"{'better' if better else 'not shown to be better'}",
            ),
            ("Realised profit", f"¥{found.profit_cv:,}; ranked by total sales alone ¥{found.profit_total_sales:,}"),
            ("Difference in profit", f"¥{profit['low']:,.0f} to ¥{profit['high']:,.0f}".replace("¥-", "-¥")),
        ],
    )
    facts(
        f"What was read (as of {about['as_of']})",
        [
            ("Invoice rows", f"{rows['read']:,}; {rows['set_aside']:,} unreadable rows set aside"),
            (
                "Invoices",
                f"{cleaned['invoices']:,} after {cleaned['exact_duplicate_rows']:,} exact copies were dropped",
            ),
            (
                "Firms with a known outcome",
                f"{about['labelled_firms']}, of which {about['labelled_defaults']} defaulted",
            ),
        ],
    )
    points("What these files cannot show", about["cannot_show"])
    paths(f"Files ({found.seconds:.1f} s)", [(_FILES.get(file.name, file.name), file) for file in found.files])


def show_payments(found: PaymentsResult) -> None:
    """One merchant in full; of many the largest, with one line each."""
    read = found.read
    skipped = sum(read.not_counted.values())
    if len(found.merchants) == 1:
        _one(found.merchants[0])
    elif found.merchants:
        shown = found.merchants[:MERCHANTS_SHOWN]
        table(
            ("Merchant", "Indicative limit", "held by", "Verified, 365 days", "Payers, 90 days", "Shape"),
            [
                (
                    one.name, yuan(one.limit.fen), one.limit.binding.replace("_", " "), yuan(one.turnover.verified_fen),
                    f"{one.payers.people_90d:,}", _SHAPES.get(one.shape.kind, one.shape.kind),
                )
                for one in shown
            ],
            right=(1, 3, 4),
        )  # fmt: skip
        if len(found.merchants) > len(shown):
            facts("", [("Not shown here", f"{len(found.merchants) - len(shown)} merchants; see the report")])
    if found.others:
        facts("", [("Too little to assess", f"{found.others:,} with {yuan(found.others_verified_fen)} in all")])
    if found.outcomes is not None:
        auc = found.outcomes
        text = auc.en if auc.auc is None else f"{auc.en}; AUC {auc.auc:.3f} ({auc.auc_low:.3f} to {auc.auc_high:.3f})"
        facts("Outcomes", [("Merchants, defaults", f"{auc.merchants}, {auc.bads}"), ("Scorecard", text)])
    facts(
        f"What was read (as of {found.as_of})",
        [
            ("File", f"{read.file}: {read.layout_en}"),
            ("Rows", f"{read.rows:,}; {read.duplicates:,} copies, {read.rejected:,} unreadable rows set aside"),
            (
                "Of these",
                f"{read.payments:,} payments in, {read.refunds:,} refunds, {read.payments_out:,} payments out, "
                f"{skipped:,} neither",
            ),
            ("Amounts", f"in {read.unit}" + ("" if read.unit_known else ": assumed; say --unit if that is wrong")),
        ],
    )
    points("Before you rely on it", [en for _, en in found.notes])
    paths(f"Files ({found.seconds:.1f} s)", [(_KEYS.get(name, name), file) for name, file in found.files.items()])


def _one(one: Merchant) -> None:
    money, payers, limit = one.turnover, one.payers, one.limit
    less = [
        ("gifts", money.gift_fen),
        ("own", money.self_fen),
        ("circular", money.circular_fen),
        ("refunds", money.refunded_fen),
    ]
    taken = ", ".join(f"{yuan(fen)} {what}" for what, fen in less if fen)
    repeat = "" if payers.repeat_share is None else f"; {payers.repeat_share:.0%} paid more than once"
    largest = "" if payers.top_share is None else f"; the largest brought {payers.top_share:.0%}"
    facts(
        one.name,
        [
            ("Indicative limit", f"{yuan(limit.fen)} (held by {limit.binding.replace('_', ' ')})"),
            *(("Why", reason.en) for reason in limit.reasons),
            *(("What would change it", reason.change_en) for reason in limit.reasons[:1] if reason.change_en),
            ("Verified turnover, 365 days", f"{yuan(money.verified_fen)} of {yuan(money.received_fen)} received"),
            *((("Not counted", taken),) if taken else ()),
            ("A usual and a weak month", f"{yuan(limit.month_fen)} and {yuan(limit.prudent_month_fen)}"),
            ("History", f"{one.first_day} to {one.last_day}, {one.payments:,} payments"),
            ("Payers, 90 days", f"{payers.people_90d:,}{repeat}{largest}"),
            ("Shape", one.shape.en),
            *((("Probability of default", f"{one.pd_ppm / 10_000:.1f} %"),) if one.pd_ppm is not None else ()),
        ],
    )
