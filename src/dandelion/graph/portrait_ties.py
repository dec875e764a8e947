"""Who pays: how many, how often, how evenly, and whether they deal with each other."""

from __future__ import annotations

import numpy as np

from dandelion.graph.portrait_scene import Columns, Scene, over


def ties(scene: Scene) -> Columns:
    edges, n = scene.edges, scene.n
    payers = scene.payers.astype(np.float64)
    receipts = scene.received.astype(np.float64)
    shop_payers = scene.per_payee(scene.shop[edges.payer])
    people = payers - shop_payers
    stranger = scene.stranger
    strangers = scene.per_payee(stranger)
    days = scene.day[edges.first[:-1]] != scene.day[edges.first[1:] - 1]
    share = scene.count / np.maximum(receipts[edges.payee], 1)
    entropy = scene.per_payee(-share * np.log(np.maximum(share, 1e-12)))
    money = scene.fen / np.maximum(scene.per_payee(scene.fen)[edges.payee], 1)
    top = np.zeros(n)
    np.maximum.at(top, edges.payee, share)
    top_money = np.zeros(n)
    np.maximum.at(top_money, edges.payee, money)
    circle = np.log1p(scene.payees.astype(np.float64))[edges.payer]
    paid_by = np.log1p(payers)[edges.payer]
    pairs, open_pairs = payers * (payers - 1) / 2, people * (people - 1) / 2
    tied = over(scene.tied[:, 1], open_pairs)
    typical = np.log1p(np.median(payers[payers > 0])) if (payers > 0).any() else 0.0
    return {
        "payers": np.log1p(payers),
        "payers_against_file": np.where(payers > 0, np.log1p(payers) - typical, np.nan),
        "payers_a_receipt": over(payers, receipts, 2),
        "ties": over(scene.tied[:, 0], pairs),
        "ties_without_shops": tied,
        "ties_a_payer": over(2 * scene.tied[:, 1], people, 2),
        "strangers": np.log1p(strangers),
        "stranger_share": over(strangers, payers),
        "stranger_receipts": over(scene.per_payee(scene.count * stranger), receipts),
        "stranger_money": over(scene.per_payee(scene.fen * stranger), scene.per_payee(scene.fen)),
        "stranger_again": over(scene.per_payee(stranger & days), strangers, 2),
        "stranger_visits": over(scene.per_payee(scene.count * stranger), strangers),
        "known_share": over(scene.per_payee(scene.known), payers),
        "mutual_share": over(scene.per_payee(scene.mutual), payers),
        "one_way": np.log1p(scene.per_payee(~scene.mutual)),
        "one_way_receipts": over(scene.per_payee(scene.count * ~scene.mutual), receipts),
        "again": over(scene.per_payee(days), payers),
        "visits": np.log(over(receipts, payers)),
        "evenness": over(entropy, np.log(np.maximum(payers, 1)), 0.5),
        "top": np.where(receipts >= 2, top, np.nan),
        "top_money": np.where(receipts >= 2, top_money, np.nan),
        "payers_circle": over(scene.per_payee(circle), payers),
        "payers_paid_by": over(scene.per_payee(paid_by), payers),
        "shop_payers": over(shop_payers, payers),
    }
