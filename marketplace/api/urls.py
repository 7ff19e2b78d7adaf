from __future__ import annotations

from channels.routing import URLRouter
from django.urls import path, re_path

from marketplace.api.consumers import SeederConsumer
from marketplace.api.edge import unknown_address
from marketplace.api.shop import shop_document
from marketplace.api.v1 import api

__all__ = ["urlpatterns", "websocket_urlpatterns"]

urlpatterns = [
    path(".well-known/geobuk.json", shop_document, name="shop-document"),
    path("api/v1/", api.urls),
    re_path(r"^api/", unknown_address),
]

websocket_urlpatterns: list[URLRouter | object] = [
    path("ws/seeder/", SeederConsumer.as_asgi()),
]
