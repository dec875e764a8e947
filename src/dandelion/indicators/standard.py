"""The standard columns: some hundreds, from about sixty declarations.

>>> len(standard()) > 250
True
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from dandelion.indicators import standard_streams as s
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.families import own_past, share, trend, volatility

_SHORT = ("30d", "90d", "180d")
_LONG = ("90d", "180d", "365d")
_ALL = ("7d", "30d", "90d", "180d", "365d")
_MOST = ("30d", "90d", "180d", "365d")
_NIGHT, _WEEKEND = (("hours", "night"),), (("days", "weekend"),)


@lru_cache(maxsize=4)
def standard(tz: str = "Asia/Shanghai") -> Definitions:
    """The columns every workspace starts with.  `tz` is the pack's time zone."""
    return Definitions.of([*s.STREAMS, *_payments(), *_trade(), *_invoices(), *_credit(), *_derived()], tz=tz)


def _payments() -> Iterator[Cube]:
    yield Cube(s.RECEIVED, _ALL, ("count", "sum", "mean", "min", "max", "deviation", "distinct", "active_days"))
    yield Cube(s.RECEIVED, _MOST, ("longest_gap", "top_share"))
    yield Cube(s.RECEIVED, ("ever",), ("days_since_first", "days_since_last"))
    yield Cube(s.RECEIVED, ("30d", "180d"), ("count", "sum", "distinct"), by=("channel",))
    yield Cube(s.RECEIVED, _SHORT, ("count", "sum"), only=_NIGHT)
    yield Cube(s.RECEIVED, _SHORT, ("count", "sum"), only=_WEEKEND)
    yield Cube(s.RECEIVED, _MOST, ("count", "sum"), by=("standing",), money=True)
    yield Cube(s.RECEIVED, _SHORT, ("distinct", "active_days"), only=(("standing", "trade"),))
    yield Cube(s.MADE, _ALL, ("count", "sum", "mean", "max", "distinct", "active_days"))
    yield Cube(s.MADE, _LONG, ("deviation", "longest_gap", "top_share"))
    yield Cube(s.MADE, ("ever",), ("days_since_first", "days_since_last"))
    yield Cube(s.MADE, ("90d",), ("count", "sum"), by=("channel",))
    yield Cube(s.MADE, ("90d",), ("count", "sum"), only=_NIGHT)
    yield Cube(s.MADE, ("90d",), ("count", "sum"), by=("standing",))


def _trade() -> Iterator[Cube]:
    yield Cube(s.SOLD, _MOST, ("count", "sum", "mean", "distinct", "active_days"))
    yield Cube(s.SOLD, _SHORT, ("count", "sum"), by=("status",))
    yield Cube(s.SOLD, _SHORT, ("sum",), ("deposit",))
    yield Cube(s.SOLD, ("180d",), ("max", "deviation", "longest_gap", "top_share"))
    yield Cube(s.BOUGHT, ("90d", "365d"), ("count", "sum", "distinct"))
    yield Cube(s.REFUNDED, _MOST, ("count", "sum", "max", "distinct"))
    yield Cube(s.REFUNDED, _MOST, ("sum",), only=(("standing", "trade"),), money=True)
    yield Cube(s.REVIEWED, _LONG, ("count", "mean", "min", "deviation"))
    yield Cube(s.REVIEWED, _LONG, ("count",), only=(("grade", "low"),))


def _invoices() -> Iterator[Cube]:
    valid = (("status", "valid"),)
    aggregates = ("count", "sum", "mean", "max", "deviation", "distinct", "active_days", "longest_gap", "top_share")
    for stream in (s.INVOICED, s.SUPPLIED):
        yield Cube(stream, _LONG, aggregates, only=valid, money=True)
        yield Cube(stream, _LONG, ("sum",), ("tax",), only=valid)
        yield Cube(stream, _LONG, ("count",))
        yield Cube(stream, _LONG, ("count", "sum"), only=(("status", "void"),))
        yield Cube(stream, _LONG, ("count", "sum"), only=(*valid, ("sign", "red")))
        yield Cube(stream, ("ever",), ("days_since_first", "days_since_last"), only=valid)
    yield Cube(s.TAXED, ("180d", "365d"), ("count", "sum"), ("revenue", "tax"), money=True)
    yield Cube(s.TAXED, ("365d",), ("count",), by=("on_time",))
    yield Cube(s.TAXED, ("ever",), ("days_since_last", "count"))


def _credit() -> Iterator[Cube]:
    yield Cube(s.LOGGED_IN, ("7d", "30d", "90d"), ("count", "active_days", "distinct"))
    yield Cube(s.LOGGED_IN, ("30d", "90d"), ("count",), only=_NIGHT)
    yield Cube(s.LOGGED_IN, ("ever",), ("days_since_first", "days_since_last"))
    yield Cube(s.INQUIRED, _MOST, ("count", "distinct"))
    yield Cube(s.INQUIRED, ("90d", "365d"), ("count",), by=("reason",))
    yield Cube(s.INQUIRED, ("365d",), ("days_since_last",))
    yield Cube(s.BORROWED, ("365d",), ("count", "distinct"))
    yield Cube(s.BORROWED, ("365d",), ("sum", "max"), ("balance", "monthly_due"), money=True)
    yield Cube(s.BORROWED, ("90d", "365d"), ("max",), ("past_due",))
    yield Cube(s.BORROWED, ("365d",), ("count", "distinct"), by=("open",))
    yield Cube(s.BORROWED, ("365d",), ("sum",), ("monthly_due",), only=(("open", "yes"),), money=True)
    yield Cube(s.BORROWED, ("365d",), ("count", "sum"), ("balance",), by=("late",))
    yield Cube(s.PLACED, ("ever",), ("count", "last", "days_since_last"))


def _derived() -> Iterator[Derive]:
    for window in _MOST:
        yield _verified(window)
    yield from _received()
    yield from _received_over_time()
    yield from _other()


def _verified(window: str) -> Derive:
    """Receipts that are trade, less refunds of trade.  Circular receipts are the graph room's to take off."""
    days = window[:-1]
    return Derive(
        f"turnover.verified/{window}", "difference",
        (f"payment.received/standing=trade/{window}/amount_sum",
         f"refund.given/standing=trade/{window}/amount_sum"),
        f"过去{days}天核实的营业流水（扣除自付、关联人付款、红包与退款）",
        f"Turnover verified in the last {days} days (without own and related payments, gifts and refunds)",
        unit="fen", money=True,
    )  # fmt: skip


def _received() -> Iterator[Derive]:
    for window in _SHORT:
        days, paid = window[:-1], f"payment.received/{window}"
        for what, zh, en in (("count", "笔数", "number"), ("amount_sum", "金额", "amount")):
            for cell, cell_zh, cell_en in (
                ("hours=night", "夜间", "at night"), ("days=weekend", "周末", "at weekends"),
                ("channel=qr", "扫码", "by QR code"), ("channel=online", "线上", "online"),
                ("standing=related", "关联人", "from related parties"),
            ):  # fmt: skip
                yield share(
                    f"payment.received/{cell}/{window}/{what}", f"{paid}/{what}",
                    f"过去{days}天收款{zh}中{cell_zh}的占比",
                    f"Share of the {en} of payments received in the last {days} days that came {cell_en}",
                )  # fmt: skip
        yield Derive(
            f"{paid}/payments_per_payer", "ratio", (f"{paid}/count", f"{paid}/distinct_payers"),
            f"过去{days}天每个付款人的平均付款笔数", f"Payments per payer in the last {days} days", range=(1.0, None),
        )  # fmt: skip
        yield Derive(
            f"{paid}/amount_per_active_day", "ratio", (f"{paid}/amount_sum", f"{paid}/active_days"),
            f"过去{days}天有收款日的日均收款", f"Mean receipts per active day in the last {days} days",
            unit="fen", range=(0.0, None),
        )  # fmt: skip
        yield Derive(
            f"{paid}/amount_variation", "ratio", (f"{paid}/amount_deviation", f"{paid}/amount_mean"),
            f"过去{days}天每笔收款金额的变异系数", f"Variation of the size of receipts in the last {days} days",
            range=(0.0, None),
        )  # fmt: skip
        yield Derive(
            f"payment.flow/{window}/out_to_in", "ratio", (f"payment.made/{window}/amount_sum", f"{paid}/amount_sum"),
            f"过去{days}天付出与收到金额之比", f"Money paid out against money received in the last {days} days",
            range=(0.0, None),
        )  # fmt: skip
        yield Derive(
            f"refund.given/{window}/refund_rate", "ratio", (f"refund.given/{window}/amount_sum", f"{paid}/amount_sum"),
            f"过去{days}天退款占收款的比例", f"Refunds against receipts in the last {days} days", range=(0.0, None),
        )  # fmt: skip


def _received_over_time() -> Iterator[Derive]:
    for cell, zh, en, whats in (("", "收款", "receipts", 2), ("standing=trade/", "交易收款", "trade receipts", 1)):
        for what, what_zh, what_en in (("amount_sum", "金额", "amount"), ("count", "笔数", "number"))[:whats]:
            path = f"payment.received/{cell}{{window}}/{what}"
            for recent, longer in (("7d", "30d"), ("30d", "90d"), ("30d", "180d"), ("90d", "180d"), ("180d", "365d")):
                yield trend(
                    path, recent, longer,
                    f"过去{recent[:-1]}天{zh}{what_zh}相对此前至{longer[:-1]}天前的变化",
                    f"Change of the {what_en} of {en} in the last {recent[:-1]} days against before, up to {longer}",
                )  # fmt: skip
            for bucket, buckets in (("7d", 12), ("30d", 12)):
                span = int(bucket[:-1]) * buckets
                yield volatility(
                    path, bucket, buckets, f"过去{span}天每{bucket[:-1]}天{zh}{what_zh}的波动",
                    f"Volatility of the {what_en} of {en} over {buckets} spans of {bucket}",
                )  # fmt: skip
                yield own_past(
                    path, bucket, buckets, f"最近{bucket[:-1]}天{zh}{what_zh}与自身过去{span}天相比",
                    f"The {what_en} of {en} in the last {bucket} against the own past {span} days",
                )  # fmt: skip


def _other() -> Iterator[Derive]:
    for recent, longer in (("30d", "90d"), ("90d", "180d"), ("180d", "365d")):
        yield trend("payment.made/{window}/amount_sum", recent, longer, f"付款金额：近{recent[:-1]}天相对此前的变化",
                    f"Change of the amount paid out in the last {recent} against before, up to {longer}")  # fmt: skip
        yield trend("order.sold/{window}/count", recent, longer, f"订单数：近{recent[:-1]}天相对此前的变化",
                    f"Change of the number of orders in the last {recent} against before, up to {longer}")  # fmt: skip
    for window in _SHORT:
        yield share(f"order.sold/status=cancelled/{window}/count", f"order.sold/{window}/count",
                    f"过去{window[:-1]}天订单取消率", f"Share of orders cancelled in the last {window}")  # fmt: skip
    for window in _LONG:
        days = window[:-1]
        yield share(f"review.earned/grade=low/{window}/count", f"review.earned/{window}/count",
                    f"过去{days}天差评占比", f"Share of poor reviews in the last {days} days")  # fmt: skip
        for stream, zh, en in (("invoice.sold", "销项", "sales"), ("invoice.bought", "进项", "purchase")):
            yield share(f"{stream}/status=void/{window}/count", f"{stream}/{window}/count",
                        f"过去{days}天{zh}发票作废占比", f"Share of {en} invoices void in the last {days} days")  # fmt: skip
            yield share(f"{stream}/status=valid/sign=red/{window}/count", f"{stream}/status=valid/{window}/count",
                        f"过去{days}天{zh}发票红冲占比",
                        f"Share of valid {en} invoices that are red-letter in the last {days} days")  # fmt: skip
        yield Derive(
            f"invoice.margin/{window}/gross", "difference",
            (f"invoice.sold/status=valid/{window}/total_sum", f"invoice.bought/status=valid/{window}/total_sum"),
            f"过去{days}天销项减进项（价税合计）", f"Sales less purchases by invoice in the last {days} days",
            unit="fen", money=True,
        )  # fmt: skip
        yield Derive(
            f"invoice.margin/{window}/cost_ratio", "ratio",
            (f"invoice.bought/status=valid/{window}/total_sum", f"invoice.sold/status=valid/{window}/total_sum"),
            f"过去{days}天进项与销项之比", f"Purchases against sales by invoice in the last {days} days",
        )  # fmt: skip
    for stream, zh, en in (("invoice.sold", "销项", "sales"), ("invoice.bought", "进项", "purchase")):
        path = f"{stream}/status=valid/{{window}}/total_sum"
        for recent, longer in (("90d", "180d"), ("180d", "365d"), ("365d", "730d")):
            yield trend(path, recent, longer, f"{zh}发票金额：近{recent[:-1]}天相对此前的变化",
                        f"Change of {en} invoices in the last {recent} against before, up to {longer}")  # fmt: skip
        yield volatility(path, "30d", 12, f"过去360天每30天{zh}发票金额的波动",
                         f"Volatility of {en} invoices over 12 spans of 30d")  # fmt: skip
    yield share("tax.filed/on_time=no/365d/count", "tax.filed/365d/count", "过去365天逾期申报占比",
                "Share of tax filings filed late in the last 365 days")  # fmt: skip
    for window in ("30d", "90d"):
        yield share(f"login.made/hours=night/{window}/count", f"login.made/{window}/count",
                    f"过去{window[:-1]}天夜间登录占比", f"Share of logins at night in the last {window}")  # fmt: skip
    yield trend("inquiry.made/{window}/count", "30d", "180d", "征信查询次数：近30天相对此前的变化",
                "Change of the number of credit inquiries in the last 30 days against before, up to 180d")  # fmt: skip
    yield Derive(
        "loan.outside/365d/due_to_turnover", "ratio",
        ("loan.outside/open=yes/365d/monthly_due_sum", "turnover.verified/30d"),
        "其他机构每月应还与过去30天核实流水之比", "Monthly due at other lenders against verified turnover of 30 days",
    )  # fmt: skip
