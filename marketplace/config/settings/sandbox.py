"""`make run`: the whole shop on loopback, with the Stripe emulator and demo content."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from marketplace.config.settings.base import *
from marketplace.core.keyfile import read_or_create_secret

SANDBOX = True
SECRET_KEY = read_or_create_secret(KEY_DIR / "django.key")
INSTALLED_APPS = [*INSTALLED_APPS, "marketplace.sandbox"]
EMAIL_BACKEND = "marketplace.sandbox.mail.MailboxBackend"
# The emulator and the origin listen beside the shop.
_PORT = urlsplit(SITE_URL).port or 8000
STRIPE_API_BASE = os.environ.get("STRIPE_API_BASE", f"http://127.0.0.1:{_PORT + 1}")
STRIPE_SECRET_KEY = os.environ.get("STRIPE_SECRET_KEY", "sk_test_sandbox")
STRIPE_WEBHOOK_SECRET = "whsec_" + read_or_create_secret(KEY_DIR / "stripe-webhook.key")
ORIGIN_LISTEN = os.environ.get("GEOBUK_ORIGIN_LISTEN", f"127.0.0.1:{_PORT + 2}")
ORIGIN_TLS_LISTEN = os.environ.get("GEOBUK_ORIGIN_TLS_LISTEN", f"127.0.0.1:{_PORT + 3}")
# Beside the data, so that two sandboxes of one clone do not write one folder.
STATIC_ROOT = DATA_DIR / "static"
# The checkout form is posted to us and redirected to the emulator's page, another port.
CONTENT_SECURITY_POLICY = {
    **CONTENT_SECURITY_POLICY,
    "DIRECTIVES": {
        **CONTENT_SECURITY_POLICY["DIRECTIVES"],
        "form-action": ["'self'", STRIPE_API_BASE],
    },
}
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
