"""Catalogue entries of the graph's columns."""

from __future__ import annotations

import re
from functools import lru_cache

from dandelion.core import Column, canonical, content_hash
from dandelion.graph.identify import shipped_hash
from dandelion.graph.neighbours import base_columns, neighbour_entries
from dandelion.graph.relation_rules import relation_rules, relation_rules_hash
from dandelion.graph.supply import KINDS as SUPPLY_KINDS
from dandelion.graph.supply import supply_entries

VERSION = 1  # of what the columns mean; part of every definition hash
_FEW = "fewer_than_5_payers"
PER_WINDOW = {  # name of the measure: (path, unit, range, null policy, zh, en)
    "payers": ("graph.payers/{w}/count", "count", (0.0, None), "zero_is_real",
               "过去{d}天付款给您的人数", "Number of different payers in the last {d} days"),
    "degree": ("graph.ego/{w}/degree", "count", (0.0, None), "zero_is_real",
               "过去{d}天有资金往来的账户数", "Number of accounts dealt with in the last {d} days"),
    "repeat_share": ("graph.payers/{w}/repeat_share", "share", (0.0, 1.0), _FEW,
                     "过去{d}天在两天以上付款的付款人占比", "Share of payers who paid on more than one day in the last {d} days"),
    "ties": ("graph.payers/{w}/ties", "share", (0.0, 1.0), _FEW,
             "过去{d}天付款人之间互有往来的比例", "Share of pairs of payers who deal with each other in the last {d} days"),
    "ties_without_shops": ("graph.payers/{w}/ties_without_shops", "share", (0.0, 1.0), _FEW,
                           "过去{d}天付款人（不含店铺）之间互有往来的比例",
                           "Share of pairs of payers, shops left out, who deal with each other in the last {d} days"),
    "clustering": ("graph.ego/{w}/clustering", "share", (0.0, 1.0), _FEW,
                   "过去{d}天往来账户（不含店铺）的聚集程度", "Local clustering of the accounts dealt with, shops left out, in {d} days"),
    "entropy": ("graph.payers/{w}/evenness", "share", (0.0, 1.0), _FEW,
                "过去{d}天收款在付款人之间的均匀程度", "How evenly receipts spread over payers in the last {d} days"),
    "returned_share": ("graph.payers/{w}/returned_share", "share", (0.0, 1.0), _FEW,
                       "过去{d}天收款后又付回给付款人的比例", "Share of receipts that the merchant also paid back to payers in {d} days"),
    "device_share": ("graph.payers/{w}/shared_device_share", "share", (0.0, 1.0), _FEW,
                     "过去{d}天来自与您共用设备的账户的收款占比",
                     "Share of receipts from accounts that share a device with the merchant in the last {d} days"),
    "hour_spread": ("graph.payers/{w}/hour_spread", "share", (0.0, 1.0), _FEW,
                    "过去{d}天收款在一天各小时的分散程度", "How evenly payments spread over the hours of the day in {d} days"),
    "day_spread": ("graph.payers/{w}/day_spread", "share", (0.0, 1.0), _FEW,
                   "过去{d}天中有收款的天数占比", "Share of days with a payment received in the last {d} days"),
    "payments_per_payer": ("graph.payers/{w}/payments_per_payer", "ratio", (1.0, None), _FEW,
                           "过去{d}天每个付款人的平均付款笔数", "Payments per payer in the last {d} days"),
    "top_share": ("graph.payers/{w}/top_share", "share", (0.0, 1.0), _FEW,
                  "过去{d}天收款中最大付款人的占比", "Share of receipts from the largest payer in the last {d} days"),
    "circular_share": ("graph.circular/{w}/share", "share", (0.0, 1.0), _FEW,
                       "过去{d}天收款中循环往返资金的占比", "Share of receipts that went in a circle in the last {d} days"),
    "score": ("graph.dandelion/{w}/score", "score", (0.0, 1.0), _FEW,
              "过去{d}天资金网络像蒲公英（商户）的程度", "How much the money graph of the last {d} days looks like a shop's"),
    "received_fen": ("graph.received/{w}/fen", "fen", (0.0, None), "zero_is_real",
                     "过去{d}天收款合计（图谱快照）", "Receipts of the last {d} days as of the snapshot"),
    "circular_fen": ("graph.circular/{w}/fen", "fen", (0.0, None), "zero_is_real",
                     "过去{d}天循环往返的收款", "Receipts of the last {d} days that went in a circle"),
    "set_aside_fen": ("graph.set_aside/{w}/fen", "fen", (0.0, None), "zero_is_real",
                      "过去{d}天不计入核实流水的收款（循环资金与同一家庭）",
                      "Receipts of {d} days that verified turnover must lose: circular, or from the own household"),
}  # fmt: skip
MONEY = ("received_fen", "circular_fen", "set_aside_fen")
ONCE = {
    "store_score": ("graph.ring/store_score", "score", (0.0, 1.0), "zero_is_real",
                    "作为店铺参与套现或刷单团伙的嫌疑", "Evidence that the account is the store of a ring"),
    "buyer_score": ("graph.ring/buyer_score", "score", (0.0, 1.0), "zero_is_real",
                    "作为买家参与套现或刷单团伙的嫌疑", "Evidence that the account is a buyer in a ring"),
    "ring_score": ("graph.ring/score", "score", (0.0, 1.0), "zero_is_real",
                   "参与套现或刷单团伙的嫌疑", "Evidence that the account takes part in a ring"),
    "ring_member": ("graph.ring/member", "flag", (0.0, 1.0), "zero_is_real",
                    "被标记为团伙成员", "Whether the account is flagged as part of a ring"),
    "business_chance": ("graph.business/chance", "share", (0.0, 1.0), _FEW,
                        "该账户是商户（无论是否登记）的可能性", "How likely the account is a business, registered or not"),
    "household_size": ("graph.household/size", "count", (1.0, None), "zero_is_real",
                       "同一家庭与企业关联组的账户数", "Number of accounts in the household and firm group"),
    "household_shops": ("graph.household/shops", "count", (0.0, None), "zero_is_real",
                        "关联组内像店铺的账户数", "Number of accounts in the group that look like shops"),
}  # fmt: skip
CENTRES = {  # measures of owner and firm: path, unit, range, null policy, zh, en
    "owner_share": ("graph.owner/share", "share", (0.0, 1.0), "no_controller",
                    "实际控制人的最终受益比例", "Share of the benefit that goes to the actual controller"),
    "owner_steps": ("graph.owner/steps", "count", (0.0, None), "no_controller",
                    "企业与实际控制人之间的持股层数", "Holdings between the firm and its actual controller"),
    "owner_firms": ("graph.owner/firms", "count", (0.0, None), "not_in_registry",
                    "同一实际控制人控制的企业数", "Number of firms under the same actual controller"),
    "owner_changed": ("graph.owner/changed", "flag", (0.0, 1.0), "not_in_registry",
                      "最近180天实际控制人是否变更", "Whether another party was in control 180 days ago"),
    "undisclosed_share": ("graph.owner/undisclosed_share", "share", (0.0, 1.0), "not_in_registry",
                          "未披露持有人的表决权比例", "Share of the votes whose holder is not told of"),
    "group_size": ("graph.group/size", "count", (1.0, None), "zero_is_real",
                   "同一控制或受益关系下的关联方数量", "Parties under common control or beneficial ownership"),
    "risk": ("graph.risk/score", "score", (0.0, 1.0), "fewer_than_5_relations",
             "经由往来与股权关系传导的风险", "Risk that reaches the account along its relations"),
    "risk_both": ("graph.risk/both", "score", (0.0, 1.0), "fewer_than_5_relations",
                  "本人与企业两侧合并的传导风险", "Risk that reaches the owner or the firm along relations"),
}  # fmt: skip


CROWD = {  # over the shortest window; an account among all others, and those who seem to be one with it: path, unit, range, null policy, zh, en
    "odd_score": ("graph.odd/{w}/score", "score", (0.0, 1.0), _FEW,
                  "与同月其他收款账户相比的异常程度", "How unlike the other accounts of its month the account is"),
    "odd_rank": ("graph.odd/{w}/rank", "share", (0.0, 1.0), _FEW,
                 "同月收款账户中比该账户更寻常的占比", "Share of the month's accounts that are less odd than this one"),
    "identity_size": ("graph.identity/size", "count", (1.0, None), "zero_is_real",
                      "看似同一人或同一伙的账户数", "Accounts that seem to be one person or crew, by phones, contacts and addresses"),
}  # fmt: skip

RISK_VERSION = 2  # since bad news from the lender's own lines and invoices count
_GROUP = ("payments", "registry", "logins")  # a household is told from roles, holdings and shared phones
_TRADE = (*_GROUP, "invoices")
BESIDE_PAYMENTS = {  # columns that more than payments go into: a consent has to name all of it
    **dict.fromkeys(("owner_share", "owner_steps", "owner_firms", "owner_changed", "undisclosed_share", "group_size"),
                    ("registry",)), "risk": _TRADE, "risk_both": _TRADE, "identity_size": ("logins", "places"),
    "set_aside_fen": _GROUP, "device_share": ("payments", "logins"), "household_size": _GROUP, "household_shops": _GROUP,
}  # fmt: skip
_KINDS = {
    re.sub(r"\{w\}", "", {**PER_WINDOW, **ONCE, **CENTRES, **CROWD}[measure][0]): kinds
    for measure, kinds in BESIDE_PAYMENTS.items()
}


def data_kinds(name: str) -> tuple[str, ...]:
    """What a consent must name for this column, whatever rules its snapshot was made with."""
    if name.startswith("graph.supply/"):
        return SUPPLY_KINDS
    return _KINDS.get(re.sub(r"\d+d(?=/)", "", name), ("payments",))


@lru_cache(maxsize=8)
def catalogue(windows_days: tuple[int, ...], rules_hash: str) -> dict[str, Column]:
    """Entries by column id; the hash covers the room's version, the rules and the path."""
    out: dict[str, Column] = {}
    for days in windows_days:
        for path, unit, span, null, zh, en in PER_WINDOW.values():
            name = path.format(w=f"{days}d")
            out[name] = _entry(name, unit, span, null, zh.format(d=days), en.format(d=days), rules_hash)
    for measure, (name, unit, span, null, zh, en) in ONCE.items():
        made_by = f"{rules_hash} {shipped_hash()}" if measure == "business_chance" else rules_hash
        out[name] = _entry(name, unit, span, null, zh, en, made_by)
    beside = relation_rules_hash(relation_rules())
    for measure, (path, unit, span, null, zh, en) in {**CENTRES, **CROWD}.items():
        name = path.format(w=f"{min(windows_days)}d")
        again = f" {RISK_VERSION}" if measure.startswith("risk") else ""
        out[name] = _entry(name, unit, span, null, zh, en, f"{rules_hash} {beside}{again}")
    recent = min(windows_days)
    return out | supply_entries(window=f"{recent}d/") | neighbour_entries(base_columns(recent), out)


def _entry(name: str, unit: str, span: tuple[float | None, float | None], null: str, zh: str, en: str,
           rules_hash: str) -> Column:  # fmt: skip
    digest = content_hash(canonical({"room": "graph", "version": VERSION, "rules": rules_hash, "id": name}))
    return Column(name, unit, span, null, "graph", "credit", digest, zh, en, data_kinds(name))
