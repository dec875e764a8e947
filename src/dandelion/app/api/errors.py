"""One handler turns the one error family into answers; what is not ours becomes a 500 without details."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dandelion.core import DandelionError, TooMany

log = logging.getLogger("dandelion.api")


def answer_to(error: DandelionError) -> JSONResponse:
    """What a caller is told of one of our errors."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else None
    return JSONResponse({"error": error.as_json()}, status_code=error.status, headers=headers)


def install(app: FastAPI) -> None:
    @app.exception_handler(DandelionError)
    def ours(_request: Request, error: DandelionError) -> JSONResponse:
        return answer_to(error)

    @app.exception_handler(RequestValidationError)
    def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part != "body")
        message = f"{field or 'body'}: {first['msg']}"  # the value itself is never echoed: it may be personal
        return JSONResponse({"error": {"code": "bad_input", "message": message, "field": field}}, status_code=422)

    @app.exception_handler(HTTPException)
    def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "bad_input")
        message = f"{request.method} {request.url.path}: {error.detail}; /docs lists what can be asked"
        plain = {"error": {"code": code, "message": message, "field": None}}
        return JSONResponse(plain, status_code=error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
        message = "something went wrong on our side; nothing was half-done; send the same request again"
        return JSONResponse({"error": {"code": "internal", "message": message, "field": None}}, status_code=500)
