"""Tests: everything in a temporary folder of this process, nothing outside loopback."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_DATA = Path(tempfile.mkdtemp(prefix="geobuk-test-"))
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["GEOBUK_DATA"] = str(_DATA)

from marketplace.config.settings.base import *  # noqa: E402

SANDBOX = True
SECRET_KEY = "tests-only"
INSTALLED_APPS = [*INSTALLED_APPS, "marketplace.sandbox"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STRIPE_SECRET_KEY = "sk_test_tests"
STRIPE_WEBHOOK_SECRET = "whsec_tests"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if not os.environ.get("GEOBUK_PG_NAME"):
    DATABASES["default"]["TEST"] = {"NAME": _DATA / "test.sqlite3"}
STATIC_ROOT = _DATA / "static"
STATIC_ROOT.mkdir()  # WhiteNoise warns of a folder that is not there
SEEDER_DIR = _DATA / "seeder"
