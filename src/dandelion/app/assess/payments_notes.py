"""What a file cannot show, said before anybody asks."""

from __future__ import annotations

from dandelion.app.assess.payments_bill import Bill

Note = tuple[str, str]


def notes(bill: Bill, after_as_of: int, *, with_pd: bool) -> tuple[Note, ...]:
    """(Chinese, English) sentences about what was assumed and what could not be seen."""
    facts = bill.facts
    said = [_indication(with_pd)]
    if facts.one_holder:
        said.append((
            "文件是一个收款账户自己的账单：看不到付款人之间的往来，也看不到本人的其他账户",
            "The file is one account's own bill: ties among payers and the holder's other accounts do not show",
        ))  # fmt: skip
    if not facts.unit_known:
        said.append(("金额列没有写单位，按元读取", "No column says its unit; amounts were read as yuan"))
    if not facts.has_order:
        said.append(("没有订单号列，重复导出的行无法识别", "Without an order id, rows exported twice cannot be told"))
    if facts.cut_orders:
        said.append((
            f"{facts.cut_orders:,} 行的订单号被电子表格截断（如 4.2E+27），这些行的重复无法识别；请以文本格式导出",
            f"{facts.cut_orders:,} order ids were cut short by a spreadsheet (like 4.2E+27), so these rows were not checked "
            "for duplicates; export ids as text",
        ))  # fmt: skip
    if facts.without_hour:
        said.append((
            f"{facts.without_hour:,} 行只有日期没有时刻，营业时段无法判断",
            f"{facts.without_hour:,} rows name a day but no hour, so business hours cannot be told",
        ))  # fmt: skip
    if facts.layout == "wechat_personal":
        said.append((
            "付款人以昵称区分，同名的人会被算作一位，付款人数偏少",
            "Payers are told apart by nickname; people of one name count once, so payers are understated",
        ))  # fmt: skip
    if after_as_of:
        said.append((
            f"评估日当天及以后的 {after_as_of:,} 行没有计入",
            f"{after_as_of:,} rows on or after the date of assessment do not count",
        ))  # fmt: skip
    if facts.rejected:
        said.append((
            f"{facts.rejected:,} 行无法读取，已放入 quarantine.csv，写明行号、字段和原因",
            f"{facts.rejected:,} rows could not be read; quarantine.csv names row, field and reason",
        ))  # fmt: skip
    return tuple(said)


def _indication(with_pd: bool) -> Note:
    zh, en = "没有核验身份、账户和文件真伪", "identity, account and the file itself are unverified"
    if with_pd:
        return (
            f"这是根据一份文件计算的参考额度，{zh}；违约概率只用于展示，没有进入额度",
            f"This is an indication from one file: {en}; the probability of default is shown and does not move the limit",
        )
    return (
        f"这是根据一份文件计算的参考额度，{zh}，也没有估计违约概率",
        f"This is an indication from one file: {en}, and no probability of default is estimated",
    )
