"""A short cut for routes that are asked hundreds of times a second: past the router and its layers, straight to the handler.

The routes stay declared where all are, and so documented; what the layers did for them is done here: the match, and turning
the one error family into answers.  Size limits and measures lie outside and hold for both ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dandelion.app.api.errors import answer_to
from dandelion.core import DandelionError

Handler = Callable[[Request], Awaitable[Response]]


class ShortCut:
    """ASGI middleware.  `routes` take a request and nothing else, and have no parameters in their path."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[APIRoute]) -> None:
        self.app = app
        self._ways = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._ways.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        handler: Handler = route.endpoint
        try:
            response = await handler(Request(scope, receive))
        except DandelionError as error:
            response = answer_to(error)
        await response(scope, receive, send)
