"""What a file cannot show, said before anybody asks."""

from __future__ import annotations

from dandelion.app.assess.payments_bill import Bill

Note = tuple[str, str]


def notes(bill: Bill, after_as_of: int) -> tuple[Note, ...]:
    """(Chinese, English) sentences about what was assumed and what could not be seen."""
    facts, said = bill.facts, list[Note]()
    said.append((
        "这是根据一份文件计算的参考额度，没有核验身份、账户和文件真伪，也没有估计违约概率",
        "This is an indication from one file: identity, account and the file itself are unverified, "
        "and no probability of default is estimated",
    ))  # fmt: skip
    if facts.one_holder:
        said.append((
            "文件是一个收款账户自己的账单：看不到付款人之间的往来，也看不到本人的其他账户",
            "The file is one account's own bill: ties among payers and the holder's other accounts do not show",
        ))  # fmt: skip
    if not facts.unit_known:
        said.append(("金额列没有写单位，按元读取", "No column says its unit; amounts were read as yuan"))
    if not facts.has_order:
        said.append(("没有订单号列，重复导出的行无法识别", "Without an order id, rows exported twice cannot be told"))
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
        said.append(
            (
                f"评估日之后的 {after_as_of:,} 行没有计入",
                f"{after_as_of:,} rows after the date of assessment do not count",
            )
        )
    return tuple(said)
