from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

__all__ = ["CheckoutConfig"]


class CheckoutConfig(AppConfig):
    name = "marketplace.checkout"

    def ready(self) -> None:
        # Django's own signal: nothing of ours is called by the log-in itself.
        user_logged_in.connect(merge_cart, dispatch_uid="checkout.merge_cart")


def merge_cart(**signal: Any) -> None:
    """Take what was in the session's cart over into the account's."""
    # The models are there by the time somebody logs in, and not when this is imported.
    from marketplace.checkout.session_cart import merge_at_log_in

    merge_at_log_in(request=signal.get("request"), user=signal["user"])
