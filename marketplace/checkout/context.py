from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.checkout.session_cart import cart_of

__all__ = ["cart"]


def cart(request: HttpRequest) -> dict[str, Any]:
    """How much is in the cart, for every page's header; asked only where it is shown."""
    return {"cart_count": SimpleLazyObject(lambda: cart_of(request).count())}
