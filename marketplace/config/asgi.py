"""Everything that listens on the shop's port, by path.

/announce/…, /scrape/…  the tracker, and /uploads/…  tus: raw ASGI apps, past Django's
handler, which would cost the tracker its speed and spool each upload to disk first.
/ws/…        WebSockets (Channels). All else is Django.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.config.settings.production")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from marketplace.api.urls import websocket_urlpatterns as seeder_sockets
from marketplace.config.access_log import SECRET_PATHS, keep_secrets
from marketplace.distribution.tracker import tracker
from marketplace.messaging.relay import Relay
from marketplace.messaging.urls import websocket_urlpatterns as browser_sockets
from marketplace.packaging.tus import uploads

__all__ = ["application"]

keep_secrets()

# WhiteNoise answers with a file, which Django reads in a thread under ASGI: as it should be,
# and once for each file is too often to be told.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# A browser sends its cookies along from any page, so its sockets check the Origin.
# A seeder has no cookies and no Origin: its headers carry a proof instead.
_sockets = {
    "/ws/user/": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(browser_sockets))),
    "/ws/seeder/": URLRouter(seeder_sockets),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope.get("path", "")
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _sockets.get(path, _no_socket)(scope, receive, send)
    elif path.startswith(SECRET_PATHS):
        await tracker(scope, receive, send)
    elif path.startswith("/uploads/"):
        await uploads(scope, receive, send)
    else:
        await django_application(scope, receive, send)


async def _no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Close what opens at no address of ours: the router would log a traceback for each."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Run the event relay from start-up to shutdown."""
    await receive()
    relay = asyncio.create_task(Relay().run(), name="event relay")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    relay.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await relay
    await send({"type": "lifespan.shutdown.complete"})
