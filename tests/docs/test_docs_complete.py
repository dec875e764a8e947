"""The pages that promise every route and every setting have them all, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from fastapi import APIRouter
from pages import ROOT

from dandelion.app import config
from dandelion.app.api import bodies, routes_credit, routes_graph, routes_money, routes_rulings, routes_service
from dandelion.app.rulings.asking import DeadlinePassed
from dandelion.app.usecases.activity import OWN_KINDS
from dandelion.core import fields_of
from dandelion.core.errors import DandelionError
from dandelion.core.events import ALL_KINDS

API = (ROOT / "docs" / "api.md").read_text("utf-8")
WORKSPACE = (ROOT / "docs" / "workspace.md").read_text("utf-8")
ROUTERS = (routes_credit.router, routes_money.router, routes_service.router, routes_graph.router, routes_rulings.router)
BASE = {"event_id", "source", "at", "arrived", "replaces"}
SECTIONS: dict[str, type[Any]] = {
    "database": config.DatabaseSettings, "server": config.ServerSettings, "clock": config.ClockSettings,
    "access": config.AccessSettings, "lender": config.LenderSettings, "rail": config.RailSettings,
    "rulings": config.RulingSettings,
}  # fmt: skip


def _routes(router: APIRouter) -> set[str]:
    return {f"{method} {route.path}" for route in router.routes for method in route.methods}  # type: ignore[attr-defined]


def test_the_api_page_has_every_route_and_no_other() -> None:
    served = set().union(*(_routes(router) for router in ROUTERS))
    shown = set(re.findall(r"^\| `([A-Z]+ /v1/[^`]+)`", API, re.M))
    assert shown == served


def test_the_api_page_marks_exactly_the_routes_that_need_a_key() -> None:
    shown = dict(re.findall(r"^\| `([A-Z]+ /v1/[^`]+)` \| [^|]+ \|([^|]*)\|", API, re.M))
    for router in ROUTERS:
        for route in router.routes:
            named = {f"{method} {route.path}" for method in route.methods}  # type: ignore[attr-defined]
            by_hand = (route.openapi_extra or {}).get("parameters", [])  # type: ignore[attr-defined]
            needs = "command" in route.endpoint.__annotations__ or by_hand  # type: ignore[attr-defined]
            assert {shown[one].strip() for one in named} == {"yes" if needs else ""}, named


def test_the_api_page_has_every_error_code_with_its_status() -> None:
    shown = {(int(status), code) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", API, re.M)}
    served = (error for error in DandelionError.__subclasses__() if error.__module__ == DandelionError.__module__)
    ours = {(error.status, error.code) for error in served}
    assert shown == ours | {(500, "internal"), (DeadlinePassed.status, DeadlinePassed.code)}


def test_the_api_page_has_every_kind_of_event_with_its_fields() -> None:
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (\w+) \| (`.+) \|$", API, re.M)}
    fed_in = {kind: event for kind, event in ALL_KINDS.items() if kind not in OWN_KINDS}
    assert set(rows) == set(fed_in)
    for kind, event in fed_in.items():
        data_kind, shown = rows[kind]
        assert data_kind == event.DATA_KIND
        wanted = [(field.name, field.optional) for field in fields_of(kind) if field.name not in BASE]
        assert [(name, mark == "?") for name, mark in re.findall(r"`(\w+)`(\??)", shown)] == wanted, kind


def test_activity_takes_as_many_events_as_the_page_says() -> None:
    bound = bodies.ActivityBody.model_fields["events"].metadata
    most = next(one.max_length for one in bound if hasattr(one, "max_length"))
    assert f"1 to {most:,} events of one kind a call" in API


def test_the_workspace_page_has_every_setting_with_its_default() -> None:
    for section, kind in SECTIONS.items():
        rows = [row for row in WORKSPACE.splitlines() if row.startswith(f"| `[{section}]")]
        for setting in fields(kind):
            row = next((row for row in rows if f" {setting.name}`" in row or f"`{setting.name}`" in row), None)
            assert row is not None, f"docs/workspace.md does not explain [{section}] {setting.name}"
            assert f"`{setting.default}`" in row or (setting.default == "" and "empty" in row), row


def test_the_workspace_page_names_what_init_writes() -> None:
    written = {path.name for path in (ROOT / "src/dandelion/defaults").iterdir() if path.is_dir()} - {"__pycache__"}
    for folder in written:
        assert f"`{folder}/" in WORKSPACE, f"docs/workspace.md does not name {folder}/"
