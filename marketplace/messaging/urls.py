from __future__ import annotations

from channels.routing import URLRouter
from django.urls import path

from marketplace.messaging.consumers import UserConsumer

__all__ = ["websocket_urlpatterns"]

websocket_urlpatterns: list[URLRouter | object] = [
    path("ws/user/", UserConsumer.as_asgi()),
]
