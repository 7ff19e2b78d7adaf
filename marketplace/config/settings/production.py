"""A shop that is reachable from outside: behind TLS, with real keys from the environment."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from marketplace.config.settings.base import *

SECRET_KEY = os.environ.get("GEOBUK_SECRET_KEY", "")
if not SECRET_KEY:
    raise ImproperlyConfigured("set GEOBUK_SECRET_KEY to a long random string, and keep it")

SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CONTENT_SECURITY_POLICY = {
    **CONTENT_SECURITY_POLICY,
    "DIRECTIVES": {
        **CONTENT_SECURITY_POLICY["DIRECTIVES"],
        "form-action": ["'self'", "https://checkout.stripe.com", "https://connect.stripe.com"],
    },
}
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
