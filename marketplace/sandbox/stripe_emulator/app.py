"""The ASGI application: the API, the hosted page, the test hooks, and the courier beside them.

Every request is served in one piece on the event loop, so requests never overlap and
the store needs no locks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from marketplace.sandbox.stripe_emulator import hosted_invoice
from marketplace.sandbox.stripe_emulator.api import ApiRequest, answer
from marketplace.sandbox.stripe_emulator.delivery import Courier
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.form import parse_form
from marketplace.sandbox.stripe_emulator.hooks import run_hook
from marketplace.sandbox.stripe_emulator.hosted import Page, Redirect, challenge, front, pay
from marketplace.sandbox.stripe_emulator.multipart import as_form, is_multipart
from marketplace.sandbox.stripe_emulator.onboarding import front as onboarding_front
from marketplace.sandbox.stripe_emulator.onboarding import submit as onboarding_submit
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["create_app"]

_STYLE = Path(__file__).with_name("page.css")
_METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(world: World) -> Starlette:
    """Build the application around one world."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.world = world
        app.state.courier = Courier(world)
        task = asyncio.create_task(app.state.courier.run(), name="courier")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await app.state.courier.stop()
        world.store.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/v1/{rest:path}", _api, methods=_METHODS),
            Route("/c/pay/{session}", _front),
            Route("/c/pay/{session}", _pay, methods=["POST"]),
            Route("/c/pay/{session}/challenge/{token}", _challenge, methods=["GET", "POST"]),
            Route("/connect/setup/{token}", _onboarding, methods=["GET", "HEAD", "POST"]),
            Route("/i/{invoice}", _invoice, methods=["GET", "HEAD", "POST"]),
            Route("/assets/page.css", _style),
            Route("/_test/{rest:path}", _hook, methods=["GET", "POST", "DELETE"]),
        ],
    )


async def _api(request: Request) -> Response:
    body, kind = await request.body(), request.headers.get("content-type", "")
    call = ApiRequest(
        method=request.method,
        path=request.url.path,
        headers=request.headers,
        query=request.url.query,
        body=as_form(body, kind) if is_multipart(kind) else body.decode(errors="replace"),
    )
    reply = answer(request.app.state.world, call)
    return Response(reply.body, reply.status, headers=reply.headers, media_type="application/json")


async def _front(request: Request) -> Response:
    return _page(front(request.app.state.world, request.path_params["session"]))


async def _pay(request: Request) -> Response:
    form = await _form(request)
    return _page(pay(request.app.state.world, request.path_params["session"], form))


async def _challenge(request: Request) -> Response:
    verdict = (await _form(request)).get("verdict") if request.method == "POST" else None
    token = request.path_params["token"]
    return _page(challenge(request.app.state.world, request.path_params["session"], token, verdict))


async def _onboarding(request: Request) -> Response:
    token = request.path_params["token"]
    if request.method == "POST":
        form = await _form(request)
        return _page(onboarding_submit(request.app.state.world, token, form))
    return _page(onboarding_front(request.app.state.world, token))


async def _invoice(request: Request) -> Response:
    world, invoice = request.app.state.world, request.path_params["invoice"]
    if request.method == "POST":
        return _page(hosted_invoice.pay(world, invoice, await _form(request)))
    return _page(hosted_invoice.front(world, invoice))


async def _form(request: Request) -> dict[str, str]:
    form: dict[str, Any] = parse_form((await request.body()).decode(errors="replace"))
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _page(result: Page | Redirect) -> Response:
    if isinstance(result, Redirect):
        return RedirectResponse(result.url, status_code=303, headers=_PAGE_HEADERS)
    return Response(
        result.html, result.status, headers=_PAGE_HEADERS, media_type="text/html; charset=utf-8"
    )


async def _style(request: Request) -> Response:
    return FileResponse(_STYLE, media_type="text/css")


async def _hook(request: Request) -> Response:
    state = request.app.state
    try:
        body = await request.body()
        data: dict[str, Any] = json.loads(body) if body else {}
        result = await run_hook(state.world, state.courier, request.method, request.url.path, data)
    except ApiError as error:
        return Response(
            json.dumps({"error": error.error}), error.status, media_type="application/json"
        )
    return Response(json.dumps(result), media_type="application/json")
