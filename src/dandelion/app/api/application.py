"""The FastAPI application of one house.  Routes are thin: prove the caller, name the command, call the use case."""

from __future__ import annotations

import functools

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dandelion import __version__
from dandelion.app.api import (
    errors,
    routes_credit,
    routes_graph,
    routes_money,
    routes_rulings,
    routes_service,
    status_page,
)
from dandelion.app.api.limits import BoundedAndMeasured
from dandelion.app.api.short_cut import ShortCut
from dandelion.app.house import House
from dandelion.app.rulings.desk import RulingDesk

DESCRIPTION = """Credit lines for the businesses banks cannot see.

Send `Authorization: Bearer <token>` with every call and a fresh `Idempotency-Key` with every write: the same key with
the same body gets the stored answer, with another body 409.  Money is whole fen; time is ISO 8601 UTC."""


def create_app(house: House, desk: RulingDesk | None = None) -> FastAPI:
    """The application; nothing is opened or started here, so that tests can make as many as they like.

    Without a `desk` one is started by the first ruling that is asked for.
    """
    app = FastAPI(title="Dandelion", version=__version__, description=DESCRIPTION, redoc_url=None)
    app.state.house = house
    app.state.desk = (lambda: desk) if desk is not None else functools.cache(functools.partial(RulingDesk, house))
    app.add_middleware(ShortCut, routes=routes_rulings.STRAIGHT)
    app.add_middleware(BoundedAndMeasured, body_bytes_max=house.settings.server.body_bytes_max, measures=house.measures)
    errors.install(app)
    app.include_router(routes_credit.router)
    app.include_router(routes_money.router)
    app.include_router(routes_service.router)
    app.include_router(routes_graph.router)
    app.include_router(routes_rulings.router)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def status() -> str:
        return status_page.render(house.facts(), moved_clock=house.clock_is_moved)

    @app.get("/health", tags=["house"])
    def health() -> dict[str, object]:
        """Up, and able to read its record; no token needed and nothing told about anybody."""
        return house.health()

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(house.measures.registry), media_type=CONTENT_TYPE_LATEST)

    return app
