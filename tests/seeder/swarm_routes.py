"""The fake shop's routes of closed swarms (docs/protocol-v1.md, 4.21 to 4.23) over their desk."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from seeder.errors import ShopRefusedError, ShopUnreachableError
from tests.swarm.swarm_desk import SwarmDesk

__all__ = ["swarm_routes"]

API = "/api/v1"


def swarm_routes(
    desk: SwarmDesk,
    refusal: Callable[[Request], Response | None],
    owner: Callable[[Request], str],
) -> list[Route]:
    """Routes that answer as the desk does, to devices that the shop lets in."""

    async def answer(request: Request) -> Response:
        if refused := refusal(request):
            return refused
        body = await request.json() if await request.body() else None
        path = request.url.path.removeprefix(API)
        host = request.client.host if request.client else ""
        try:
            told = await run_in_threadpool(desk.ask, owner(request), host, path, body)
        except ShopRefusedError as error:
            return JSONResponse({"code": error.code, "message": str(error)}, error.status)
        except ShopUnreachableError:
            return Response(status_code=500)
        return JSONResponse(told)

    paths = ("/swarm/label", "/swarm/announce", "/packages/{package}/certificate")
    return [Route(API + path, answer, methods=["POST"]) for path in paths]
