from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.core.seeder_program import install_command

__all__ = ["site"]


def site(request: HttpRequest) -> dict[str, Any]:
    """What every template knows of the shop."""
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "sandbox": settings.SANDBOX,
        "seeder_install": SimpleLazyObject(install_command),
    }
