"""The declared list that the default models learn from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from dandelion.app.learning_columns import LearningColumns, load_learning_columns, spread
from dandelion.app.policy_set import catalogue
from dandelion.core import BadInput
from dandelion.indicators import standard

SHIPPED = Path(str(files("dandelion"))) / "defaults" / "models" / "shop-columns.yaml"


def load(folder: Path, text: str) -> LearningColumns:
    file = folder / "list.yaml"
    file.write_text(text, "utf-8")
    return load_learning_columns(file, catalogue(standard()))


def test_the_shipped_list_offers_hundreds_of_columns_of_many_streams_each_with_its_sentence():
    known = catalogue(standard())
    offered = load_learning_columns(SHIPPED, known).columns
    streams = {name.split("/")[0] for name in offered}
    assert len(offered) == len(set(offered)) >= 400
    assert {"payment.received", "payment.made", "order.sold", "refund.given", "review.earned", "invoice.sold",
            "invoice.bought", "tax.filed", "login.made", "inquiry.made", "loan.outside"} <= streams  # fmt: skip
    assert any(stream.startswith("graph.") for stream in streams)
    assert all(known[name].zh and known[name].en and known[name].purpose == "credit" for name in offered)


def test_every_line_stands_for_all_its_combinations():
    assert spread("a/{x,y}/{1,2}") == ["a/x/1", "a/x/2", "a/y/1", "a/y/2"]
    assert spread("a/{,b/}c") == ["a/c", "a/b/c"] and spread("a/b") == ["a/b"]


def test_a_column_named_twice_is_offered_once_and_training_settings_are_laid_over(tmp_path):
    found = load(tmp_path, "name: a\ntraining: {booster: {bags: 2}}\ncolumns:\n"
                           "  - login.made/{7d,30d}/count\n  - login.made/7d/count\n")  # fmt: skip
    assert found.columns == ("login.made/7d/count", "login.made/30d/count")
    spec = found.spec({"split": {"by": "group"}})
    assert spec.booster.bags == 2 and spec.split.by == "group"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ncolumns: [login.made/7d/coutn]\n", "'login.made/7d/coutn', which is no column"),
        ("name: a\ncolumns: ['login.made/{7d/count']\n", "a brace is not closed"),
        ("name: a\ncolumns: []\n", "columns must be a list"),
        ("columns: [login.made/7d/count]\n", "must hold name and columns"),
        ("name: a\ntraining: {booster: {bagz: 2}}\ncolumns: [login.made/7d/count]\n", "booster.bagz"),
        ("name: a\ntraining: 3\ncolumns: [login.made/7d/count]\n", "training must be a group"),
        ("name: [\n", "is not YAML"),
    ],
)  # fmt: skip
def test_a_wrong_list_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(BadInput, match=message.replace(".", r"\.")):
        load(tmp_path, text)


def test_a_line_that_stands_for_too_many_columns_is_refused_before_it_is_spread():
    digits = "{" + ",".join("0123456789") + "}"
    with pytest.raises(BadInput, match="stands for 10,000,000,000 columns"):
        spread(digits * 10)


def test_a_list_that_is_not_there_is_named_with_the_remedy(tmp_path):
    with pytest.raises(BadInput, match=r"gone\.yaml is not there; write it, or take `learn` out"):
        load_learning_columns(tmp_path / "gone.yaml", {})
