"""The files of an assessment: one page with nothing outside it, JSON that adds up, and nobody's customers in any of it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import noodle_stall as stall
import orjson
import pytest

from dandelion.app.assess import payments_report
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import ManualClock, instant

CLOCK = ManualClock(instant("2025-12-01T00:00:00", "Asia/Shanghai"))


def assess(tmp_path: Path, text: str) -> PaymentsResult:
    path = tmp_path / "bill.csv"
    path.write_text(text, "utf-8")
    return assess_payments(path, out=tmp_path / "out", clock=CLOCK)


def test_the_page_is_whole_in_itself_and_speaks_both_languages(tmp_path: Path) -> None:
    page = assess(tmp_path, stall.wechat_personal(stall.rows())).files["report"].read_text("utf-8")
    assert not re.search(r"""(?:src|href)=["']|@import|url\(|<script""", page)
    for words in (
        "参考额度",
        "Indicative limit",
        "一周的节奏",
        "毛线球还是蒲公英",
        "没有核验身份",
        "identity, account",
    ):
        assert words in page
    assert "<svg" in page
    assert "None" not in re.sub(r"None yet", "", page)
    assert "nan" not in page.lower().replace("tenant", "")


def test_no_customer_is_named_in_any_file(tmp_path: Path) -> None:
    result = assess(tmp_path, stall.wechat_personal(stall.rows()))
    written = "".join(path.read_text("utf-8-sig") for path in result.files.values())
    assert "顾客" not in written.replace("来自顾客", "").replace("陌生顾客", "").replace("更多顾客", "").replace(
        "的顾客", ""
    )
    assert "亲友" not in written
    assert "粮油" not in written


def test_a_name_full_of_markup_stays_a_name(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    page = assess(tmp_path, stall.plain_csv(stall.rows(), payee=evil)).files["report"].read_text("utf-8")
    assert evil not in page


def test_json_and_csv_say_what_the_result_says(tmp_path: Path) -> None:
    result = assess(tmp_path, stall.plain_csv(stall.rows()))
    plain = orjson.loads(result.files["json"].read_bytes())
    one = result.merchants[0]
    assert plain["merchants"][0]["limit"]["fen"] == one.limit.fen
    assert plain["merchants"][0]["turnover"]["verified_fen"] == one.turnover.verified_fen
    assert plain["read"]["columns"]["at"] == ["paid_at"]
    with result.files["csv"].open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["merchant"] == "noodle stall"
    assert rows[0]["indicative_limit_yuan"] == f"{one.limit.fen // 100}.00"
    assert result.as_json()["merchants"][0]["limit"]["fen"] == one.limit.fen
    assert result.summary()["indicative_limit_fen"] == one.limit.fen


def test_many_merchants_get_a_table_and_the_largest_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = stall.plain_csv(stall.rows()).splitlines()
    many = [line.replace("noodle stall", f"stall {i % 30:02d}") for i, line in enumerate(lines[1:])]
    result = assess(tmp_path, "\n".join([lines[0], *many, "t,2025-05-01 08:00:00,c,tiny,5.50,success"]))
    page = payments_report.html(result)
    assert len(result.merchants) == 30
    assert result.others == 1
    assert page.count("<details") == 20
    assert page.count("stall 07") >= 1
    turnovers = [one.turnover.verified_fen for one in result.merchants]
    assert turnovers == sorted(turnovers, reverse=True)


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    path, told = tmp_path / "bill.csv", []
    path.write_text(stall.plain_csv(stall.rows()), "utf-8")
    assess_payments(path, out=tmp_path / "out", clock=CLOCK, progress=lambda stage, rows: told.append((stage, rows)))
    assert told[0][0] == "read"
    assert told[-1][0] == "assess"
    assert told[0][1] == len([row for row in stall.rows() if row.kind.startswith("二维码收款")])


def test_the_same_file_gives_the_same_answer(tmp_path: Path) -> None:
    text = stall.wechat_personal(stall.rows())
    first, second = assess(tmp_path, text), assess(tmp_path, text)
    assert (first.merchants, first.read, first.notes) == (second.merchants, second.read, second.notes)
