"""The streams every lender has: what happened, from the subject's side."""

from __future__ import annotations

from dandelion.indicators.declare import Dimension, Level, Measure, Stream

_AMOUNT = Measure("amount", "amount_fen", "fen", "金额", "amount")
HOURS = Dimension(
    "hours",
    (
        Level("night", "夜间（22点至6点）", "at night (22:00 to 6:00)", low=22, high=6),
        Level("morning", "上午（6点至11点）", "in the morning (6:00 to 11:00)", low=6, high=11),
        Level("midday", "中午（11点至14点）", "around midday (11:00 to 14:00)", low=11, high=14),
        Level("afternoon", "下午（14点至18点）", "in the afternoon (14:00 to 18:00)", low=14, high=18),
        Level("evening", "傍晚（18点至22点）", "in the evening (18:00 to 22:00)", low=18, high=22),
    ),
    "hour",
)
DAYS = Dimension(
    "days",
    (
        Level("weekend", "周末", "at weekends", low=6, high=8),
        Level("weekday", "工作日（周一至周五）", "from Monday to Friday", low=1, high=6),
    ),
    "weekday",
)
HOLIDAY = Dimension(
    "holiday",
    (
        Level("yes", "法定节假日", "on public holidays", low=1, high=2),
        Level("no", "非节假日", "on ordinary days", low=0, high=1),
    ),
    "holiday",
)
CHANNEL = Dimension(
    "channel",
    (
        Level("qr", "扫码", "by QR code", "qr"),
        Level("online", "线上", "online", "online"),
        Level("transfer", "转账", "by transfer", "transfer"),
        Level("card", "刷卡", "by card", "card"),
        Level("red_packet", "红包", "by red packet", "red_packet"),
    ),
    field="channel",
)
STANDING = Dimension(
    "standing",
    (
        Level("trade", "交易性质的", "with unrelated parties and no gifts"),
        Level("related", "与关联人之间的", "with related parties"),
        Level("self", "与自己之间的", "with oneself"),
        Level("gift", "红包性质的", "as gifts"),
    ),
    "standing",
)


def _flag(name: str, field: str, yes: tuple[str, str], no: tuple[str, str]) -> Dimension:
    return Dimension(name, (Level("yes", *yes, equals=True), Level("no", *no, equals=False)), field=field)


def _sizes(field: str, *yuan: int) -> Dimension:
    """Bands of an amount, cut at whole yuan."""
    edges, said = [y * 100 for y in yuan], [f"{y:,}" for y in yuan]
    first, last = yuan[0], yuan[-1]
    between = [
        Level(f"{a}_to_{b}", f"单笔{a}至{b}元的", f"of {at} to {bt} yuan", low=low, high=high)
        for a, b, at, bt, low, high in zip(yuan, yuan[1:], said, said[1:], edges, edges[1:], strict=False)
    ]
    return Dimension(
        "size",
        (
            Level(f"under_{first}", f"单笔不足{first}元的", f"of less than {said[0]} yuan", low=1, high=edges[0]),
            *between,
            Level(f"from_{last}", f"单笔{last}元及以上的", f"of {said[-1]} yuan or more", low=edges[-1]),
        ),
        field=field,
    )


SIZE = _sizes("amount_fen", 20, 100, 500, 2000)

RECEIVED = Stream(
    "payment.received", "payment", "payee", "收到的付款", "payments received", counterparty="payer",
    measures=(_AMOUNT,), dimensions=(CHANNEL, HOURS, DAYS, STANDING, SIZE, HOLIDAY), people=True,
)  # fmt: skip
MADE = Stream(
    "payment.made", "payment", "payer", "付出的款项", "payments made", counterparty="payee",
    measures=(_AMOUNT,), dimensions=(CHANNEL, HOURS, DAYS, STANDING, SIZE, HOLIDAY), people=True,
)  # fmt: skip
_STATUS = Dimension(
    "status",
    (
        Level("completed", "已完成的", "that were completed", "completed"),
        Level("cancelled", "已取消的", "that were cancelled", "cancelled"),
    ),
    field="status",
)
_DEPOSIT = Dimension("deposit", (Level("yes", "付过定金的", "that had a deposit", low=1),), field="deposit_fen")
_ORDER_DIMENSIONS = (_STATUS, HOURS, DAYS, _DEPOSIT, _sizes("amount_fen", 50, 200, 1000), HOLIDAY)
SOLD = Stream(
    "order.sold", "order", "seller", "卖出的订单", "orders sold", counterparty="buyer",
    measures=(_AMOUNT, Measure("deposit", "deposit_fen", "fen", "定金", "deposit")),
    dimensions=_ORDER_DIMENSIONS, people=True,
)  # fmt: skip
BOUGHT = Stream(
    "order.bought", "order", "buyer", "买入的订单", "orders bought", counterparty="seller",
    measures=(_AMOUNT,), dimensions=_ORDER_DIMENSIONS, people=True,
)  # fmt: skip
REFUNDED = Stream(
    "refund.given", "refund", "payee", "退给顾客的款项", "refunds given", counterparty="payer",
    measures=(_AMOUNT,), dimensions=(STANDING, HOURS, DAYS, SIZE), people=True,
)  # fmt: skip
REFUND_TAKEN = Stream(
    "refund.taken", "refund", "payer", "收到的退款", "refunds received", counterparty="payee",
    measures=(_AMOUNT,), dimensions=(STANDING, HOURS, DAYS, SIZE), people=True,
)  # fmt: skip
REVIEWED = Stream(
    "review.earned", "review", "seller", "收到的评价", "reviews received", counterparty="buyer",
    measures=(Measure("stars", "stars", "stars", "星级", "star rating"),),
    dimensions=(Dimension("grade", (
        Level("low", "一至二星的", "of one or two stars", low=1, high=3),
        Level("middle", "三星的", "of three stars", low=3, high=4),
        Level("high", "四至五星的", "of four or five stars", low=4, high=6),
    ), field="stars"), HOURS, DAYS), people=True, zh_count="条数",
)  # fmt: skip
_INVOICE_MEASURES = (
    Measure("total", "total_fen", "fen", "含税金额", "amount with tax"),
    Measure("tax", "tax_fen", "fen", "税额", "tax"),
)
_INVOICE_DIMENSIONS = (
    Dimension("status", (Level("valid", "有效", "that are valid", "valid"), Level("void", "作废", "that are void", "void")),
              field="status"),
    Dimension("sign", (Level("red", "红冲", "that are red-letter", high=0), Level("blue", "蓝字", "that are not red-letter",
                       low=0)), field="total_fen"),
    HOURS, DAYS, _sizes("total_fen", 1000, 10000, 100000),
)  # fmt: skip
INVOICED = Stream(
    "invoice.sold", "invoice", "seller", "销项发票", "sales invoices", counterparty="buyer", zh_count="张数",
    measures=_INVOICE_MEASURES, dimensions=_INVOICE_DIMENSIONS,
)  # fmt: skip
SUPPLIED = Stream(
    "invoice.bought", "invoice", "buyer", "进项发票", "purchase invoices", counterparty="seller", zh_count="张数",
    measures=_INVOICE_MEASURES, dimensions=_INVOICE_DIMENSIONS,
)  # fmt: skip
TAXED = Stream(
    "tax.filed", "tax_filing", "taxpayer", "纳税申报", "tax filings", zh_count="次数",
    measures=(
        Measure("revenue", "revenue_fen", "fen", "申报收入", "declared revenue"),
        Measure("tax", "tax_fen", "fen", "申报税额", "declared tax"),
    ),
    dimensions=(_flag("on_time", "on_time", ("按期", "filed on time"), ("逾期", "filed late")),),
)  # fmt: skip
LOGGED_IN = Stream("login.made", "login", "person", "登录", "logins", counterparty="device", dimensions=(HOURS, DAYS),
                   zh_count="次数")  # fmt: skip
INQUIRED = Stream(
    "inquiry.made", "credit_inquiry", "person", "征信查询", "credit inquiries", counterparty="lender",
    dimensions=(Dimension("reason", (
        Level("loan", "贷款审批", "for a loan", "loan"), Level("card", "信用卡审批", "for a card", "card"),
        Level("guarantee", "担保资格审查", "for a guarantee", "guarantee"),
        Level("review", "贷后管理", "for review", "review"),
    ), field="reason"), HOURS, DAYS), zh_count="次数",
)  # fmt: skip
BORROWED = Stream(
    "loan.outside", "outside_loan", "borrower", "其他机构贷款（每笔取最新）", "loans at other lenders (newest state of each)",
    counterparty="lender", latest_by="loan",
    measures=(
        Measure("balance", "balance_fen", "fen", "余额", "balance"),
        Measure("monthly_due", "monthly_due_fen", "fen", "每月应还", "monthly due"),
        Measure("past_due", "days_past_due", "days", "逾期天数", "days past due"),
    ),
    dimensions=(
        Dimension("open", (Level("yes", "未结清", "that are still open", low=1),), field="balance_fen"),
        Dimension("late", (Level("yes", "已逾期", "that are past due", low=1),), field="days_past_due"),
        _sizes("balance_fen", 5000, 50000),
    ),
)  # fmt: skip
PLACED = Stream(
    "place.held", "placement", "merchant", "经营地点登记", "registered places of business", zh_count="次数",
    measures=(Measure("station", "station_m", "m", "到最近车站的距离", "distance to the nearest station"),),
)  # fmt: skip
AREA = Stream(
    "place.area", "placement", "merchant", "经营地点登记", "registered places of business", counterparty="district",
    zh_count="次数", named=True,
)  # fmt: skip
TRADE = Stream(
    "order.trade", "order", "seller", "卖出的订单", "orders sold", counterparty="category", named=True,
)  # fmt: skip

LEDGER_DRAWN = Stream("ledger.drawn", "draw_paid", "merchant", "我行放款", "drawdowns with us", measures=(_AMOUNT,),
                      dimensions=(HOURS, DAYS))  # fmt: skip
LEDGER_REPAID = Stream(
    "ledger.repaid", "repaid", "merchant", "我行还款", "repayments to us", dimensions=(HOURS, DAYS),
    measures=(
        _AMOUNT, Measure("principal", "principal_fen", "fen", "本金", "principal"),
        Measure("interest", "interest_fen", "fen", "利息", "interest"),
    ),
)  # fmt: skip
LEDGER_LATE = Stream(
    "ledger.late", "delinquency_moved", "merchant", "我行逾期状态变动", "changes of delinquency with us", zh_count="次数",
    measures=(Measure("past_due", "days_past_due", "days", "逾期天数", "days past due"),),
    dimensions=(Dimension("late", (
        Level("yes", "转为逾期的", "that left it past due", low=1), Level("no", "恢复正常的", "that left it current", low=0, high=1),
    ), field="days_past_due"),),
)  # fmt: skip
LEDGER_LIMIT = Stream(
    "ledger.limit", "limit_changed", "merchant", "我行额度变动", "changes of the limit with us", zh_count="次数",
    measures=(Measure("limit", "limit_fen", "fen", "额度", "limit"),),
    dimensions=(Dimension("change", (
        Level("raised", "提额", "that raised it", "raised"), Level("cut", "降额", "that cut it", "cut"),
        Level("frozen", "冻结", "that froze it", "frozen"), Level("unfrozen", "解冻", "that unfroze it", "unfrozen"),
    ), field="change"),),
)  # fmt: skip

STREAMS = (
    RECEIVED, MADE, SOLD, BOUGHT, REFUNDED, REFUND_TAKEN, REVIEWED, INVOICED, SUPPLIED, TAXED, LOGGED_IN, INQUIRED, BORROWED, PLACED,
    AREA, TRADE,
    LEDGER_DRAWN, LEDGER_REPAID, LEDGER_LATE, LEDGER_LIMIT,
)  # fmt: skip
