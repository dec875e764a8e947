"""Charts and pages: what a reader could be misled by, and what a browser could be made to do."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion.app.assess.report_charts import (
    Axis,
    Series,
    bar_chart,
    line_chart,
    round_ticks,
    short_number,
    sideways_bars,
)
from dandelion.app.assess.report_html import ppm, share, wan, yuan
from dandelion.core import BadInput


def charts():
    nasty = '<b onload="x">&'
    yield line_chart(
        [Series(nasty, [(0, 0), (1, 2)], low_high=[(0, 1), (1, 3)])], Axis(nasty), Axis(nasty), title=nasty
    )
    yield line_chart([Series("s", [(1, 1), (100, 2)], style="step")], Axis(log=True), Axis(), title="t", diagonal=True)
    yield bar_chart([nasty, "b"], [(nasty, [1, -2]), ("c", [0, 3])], Axis(), title=nasty)
    yield sideways_bars([(nasty, 1.0), ("b", -2.0)], title=nasty)


def test_every_chart_is_well_formed_and_no_text_becomes_markup():
    for chart in charts():
        root = ET.fromstring(str(chart))
        assert root.tag.endswith("svg")
        assert not [node for node in root.iter() if node.tag.endswith("}b") or "onload" in node.attrib]


def test_a_missing_point_is_refused_because_a_dropped_point_is_a_lie():
    with pytest.raises(BadInput, match="missing or endless"):
        line_chart([Series("s", [(0, float("nan"))])], Axis(), Axis(), title="t")
    with pytest.raises(BadInput, match="above zero"):
        line_chart([Series("s", [(0, 1), (1, 1)])], Axis(log=True), Axis(), title="t")


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_lie_inside_rise_and_are_few(low, span):
    high = low + span
    ticks = round_ticks(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1)
    assert all(low - slack <= t <= high + slack for t in ticks)
    assert ticks == sorted(ticks) and len(ticks) <= 12


def test_one_bar_is_as_high_as_its_share_of_the_axis():
    root = ET.fromstring(str(bar_chart(["a", "b"], [("", [1.0, 2.0])], Axis(bounds=(0, 2)), title="t")))
    heights = [float(node.attrib["height"]) for node in root.iter() if node.tag.endswith("rect")]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)


def test_figures_read_as_people_write_them():
    assert (yuan(-1234567.6), wan(1_230_000), wan(2.5e8)) == ("-¥1,234,568", "123 万", "2.500 亿")
    assert (share(0.1234), ppm(74_500), short_number(12_300)) == ("12.3 %", "7.45 %", "12.3k")
