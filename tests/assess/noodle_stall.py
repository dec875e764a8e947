"""A noodle stall with a payment code, made up from a seed: the same rows in every layout the reader knows.

Nothing here was taken from anybody's bill.  ``python tests/assess/noodle_stall.py`` writes docs/examples/noodle-stall.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

SEED = 20250301
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "noodle-stall.csv"
FIRST, DAYS = datetime.fromisoformat("2025-03-01"), 184
_MEALS = ((7.6, 0.7, 0.34), (12.1, 0.6, 0.40), (18.4, 0.9, 0.26))  # hour, spread, share
_DISHES = (600, 800, 1000, 1200, 1200, 1300, 1400, 1500, 1600, 1800, 2000, 2200, 2600, 3200)


@dataclass(frozen=True)
class Row:
    """One line of the bill; `fen` without sign, `side` in, out or none."""

    at: datetime
    kind: str
    other: str
    fen: int
    side: str
    status: str
    order: str


def rows(seed: int = SEED, days: int = DAYS, per_day: float = 14.0) -> list[Row]:
    """In time order: meals, a few refunds, red packets, supplies, withdrawals and a loan between brothers."""
    rng = np.random.default_rng(seed)
    out: list[Row] = []
    for day in range(days):
        date = FIRST + timedelta(days=day)
        if date.weekday() == 0:  # closed on Mondays
            continue
        busy = per_day * (1.25 if date.weekday() >= 5 else 1.0) * (0.85 + 0.3 * day / days)
        for _ in range(rng.poisson(busy)):
            meal = rng.choice(3, p=[share for _, _, share in _MEALS])
            hour = float(np.clip(rng.normal(_MEALS[meal][0], _MEALS[meal][1]), 6.2, 20.8))
            bowls = int(rng.choice((1, 1, 1, 2, 3)))
            fen = int(rng.choice(_DISHES)) * bowls
            who = int(900 * rng.random() ** 2.2) + 1  # regulars come often, passers-by once
            out.append(_row(date, hour, "二维码收款", f"顾客{who:04d}", fen, "in", "已收钱"))
            if rng.random() < 0.004:
                out.append(_row(date, hour + 0.1, "二维码收款-退款", f"顾客{who:04d}", fen, "out", "支付成功"))
        if date.weekday() in (1, 4):
            fen = int(rng.integers(180, 420)) * 100
            out.append(_row(date, 5.1, "商户消费", "城北粮油批发", fen, "out", "支付成功"))
        if date.weekday() == 6:
            out.append(_row(date, 21.3, "零钱提现", "某银行", int(rng.integers(8, 20)) * 10_000, "none", "提现已到账"))
        if rng.random() < 0.03:
            out.append(_row(date, 20.9, "微信红包", "亲友01", int(rng.integers(1, 9)) * 1_000, "in", "已存入零钱"))
    out.append(_row(FIRST + timedelta(days=60), 21.5, "转账", "亲友02", 300_000, "in", "已存入零钱"))
    out.append(_row(FIRST + timedelta(days=63), 21.7, "转账", "亲友02", 300_000, "out", "对方已收钱"))
    out.sort(key=lambda row: row.at)
    return [
        Row(r.at, r.kind, r.other, r.fen, r.side, r.status, f"{1000107301 * 10**12 + 7919 * number:d}")
        for number, r in enumerate(out)
    ]


def _row(date: datetime, hour: float, kind: str, other: str, fen: int, side: str, status: str) -> Row:
    return Row(date + timedelta(seconds=int(hour * 3600)), kind, other, fen, side, status, "")


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def wechat_personal(data: Sequence[Row]) -> str:
    """The statement of one account: preamble, then ¥ before every amount."""
    last = data[-1].at
    head = [
        "微信支付账单明细,,,,,,,,,,",
        "微信昵称：[合成示例·面馆],,,,,,,,,,",
        f"起始时间：[{FIRST}] 终止时间：[{last}],,,,,,,,,,",
        f"SYNTHETIC EXAMPLE · 合成数据 · seed {SEED} · not anybody's real bill,,,,,,,,,,",
        f"共{len(data)}笔记录,,,,,,,,,,",
        ",,,,,,,,,,",
        "----------------------微信支付账单明细列表--------------------,,,,,,,,,,",
        "交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注",
    ]
    sides = {"in": "收入", "out": "支出", "none": "/"}
    body = [
        f'{r.at},{r.kind},{r.other},"/",{sides[r.side]},¥{yuan(r.fen)},零钱,{r.status},"{r.order}\t","/","/"'
        for r in data
    ]
    return "\n".join([*head, *body]) + "\n"


def wechat_merchant(data: Sequence[Row]) -> str:
    """The merchant platform's trade bill: every value after a backtick, a summary of two lines at the end."""
    names = (
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
        "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
    )
    lines = [names]
    for r in (row for row in data if row.kind.startswith("二维码收款")):
        back = "退款" in r.kind
        refund = [f"R{r.order}", f"M{r.order}", yuan(r.fen)] if back else ["0", "0", "0.00"]
        paid = "0.00" if back else yuan(r.fen)
        cells = [
            str(r.at), "wx0000000000000000", "1900000001", "0", "", r.order, f"O{r.order}", r.other, "NATIVE",
            "REFUND" if back else "SUCCESS", "OTHERS", "CNY", paid, "0.00", *refund, "0.00", "ORIGINAL" if back else "",
            "SUCCESS" if back else "", "牛肉面", "", "0.00", "0.60%", paid, refund[2], "",
        ]  # fmt: skip
        lines.append(",".join("`" + cell for cell in cells))
    lines.append("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额")
    lines.append("`9,`9.00,`0.00,`0.00,`0.00,`9.00,`0.00")
    return "\n".join(lines) + "\n"


def alipay_business(data: Sequence[Row]) -> str:
    """支付宝 业务明细: lines with #, a tab behind every id, refunds negative."""
    names = (
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
        "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,"
        "服务费（元）,分润（元）,备注"
    )
    lines = [
        "#支付宝业务明细查询", "#账号：[20880000000000000156]", "#起始日期：[2025年03月01日 00:00:00]   终止日期：[2025年09月01日 00:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------", names,
    ]  # fmt: skip
    for r in (row for row in data if row.kind.startswith("二维码收款")):
        back = "退款" in r.kind
        amount = ("-" if back else "") + yuan(r.fen)
        cells = [
            f"{r.order}\t", f"O{r.order}\t", "退款\t" if back else "交易\t", "牛肉面", str(r.at), str(r.at), "\t", "\t", "\t", "\t",
            f"{r.other}\t", amount, amount, "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00\t", "0.00",
            f"R{r.order}\t" if back else "\t", "0.00", "0.00", "",
        ]  # fmt: skip
        lines.append(",".join(cells))
    lines.append("#-----------------------------------------业务明细列表结束------------------------------------")
    lines.append("#交易合计：9笔，商家实收共9.00元，商家优惠共0.00元")
    return "\n".join(lines) + "\n"


def alipay_ledger(data: Sequence[Row]) -> str:
    """支付宝 账务明细: income and expense in two columns, balance beside."""
    lines = [
        "#支付宝账务明细查询", "#账号：[20880000000000000156]", "#-----账务明细列表-----",
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注",
    ]  # fmt: skip
    kinds = {
        "二维码收款": "在线支付",
        "二维码收款-退款": "交易退款",
        "零钱提现": "提现",
        "转账": "转账",
        "商户消费": "在线支付",
    }
    for r in (row for row in data if row.kind in kinds):
        income, expense = (yuan(r.fen), "0.00") if r.side == "in" else ("0.00", f"-{yuan(r.fen)}")
        lines.append(
            f"{r.order}\t,{r.order}\t,\t,牛肉面,{r.at},{r.other},{income},{expense},0.00,支付宝,{kinds[r.kind]},"
        )
    lines += ["#-----账务明细列表结束-----,,,,,,,,,,,", "#支出合计：1笔，共-1.00元,,,,,,,,,,,"]
    return "\n".join(lines) + "\n"


def plain_csv(data: Sequence[Row], payee: str = "noodle stall") -> str:
    """A table with English names, payments and refunds only."""
    lines = ["order_id,paid_at,payer,payee,amount,status"]
    for r in (row for row in data if row.kind.startswith("二维码收款")):
        state = "refund" if "退款" in r.kind else "success"
        lines.append(f"{r.order},{r.at},{r.other},{payee},{yuan(r.fen)},{state}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    EXAMPLE.write_text(wechat_personal(rows()), "utf-8")
    print(f"wrote {EXAMPLE}")
