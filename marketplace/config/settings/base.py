"""Settings that every installation shares. What differs is read from the environment.

The folder `GEOBUK_DATA` holds everything that must be kept: the database (when it
is SQLite), uploads on their way, the sealed store, covers, and the keys.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from marketplace.core.fee_rates import fee_rates
from marketplace.rewards.policy import reward_policy

BASE_DIR = Path(__file__).resolve().parents[3]
DATA_DIR = Path(os.environ.get("GEOBUK_DATA", BASE_DIR / "var")).resolve()
# Sessions, uploads and wrapped keys lie here: where the folder is made, it is this user's alone.
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
STORE_DIR = DATA_DIR / "store"  # ciphertext: one folder a package
UPLOAD_DIR = DATA_DIR / "uploads"  # plaintext on its way to sealing, and nowhere else
KEY_DIR = DATA_DIR / "keys"
ORIGIN_DIR = DATA_DIR / "origin"  # resume data of the origin seeder
MEDIA_ROOT = DATA_DIR / "media"  # covers
MEDIA_URL = "media/"
SEEDER_DIR = BASE_DIR / "build" / "seeder"  # the wheel that buyers install

SITE_NAME = "Geobuk"
SITE_URL = os.environ.get("GEOBUK_URL", "http://127.0.0.1:8000").rstrip("/")
# Days in which a buyer may withdraw from what no device has fetched: at least what the law of
# their country says (14 by Directive 2011/83/EU, article 9; 7 in Korea). 0: not at all.
WITHDRAWAL_DAYS = int(os.environ.get("GEOBUK_WITHDRAWAL_DAYS", "14"))
# Who issues receipts, as the law of the operator's country wants it; empty: SITE_NAME alone.
RECEIPT_ISSUER = os.environ.get("GEOBUK_RECEIPT_ISSUER", "")
RECEIPT_ADDRESS = os.environ.get("GEOBUK_RECEIPT_ADDRESS", "")
RECEIPT_TAX_NUMBER = os.environ.get("GEOBUK_RECEIPT_TAX_NUMBER", "")
RECEIPT_FONT_DIR = BASE_DIR / "node_modules" / "@expo-google-fonts" / "noto-sans-kr"
SANDBOX = False
# The suite in which new devices make their sealing keys (docs/format-v1.md, section 2.3).
# Devices with keys of another suite go on working.
SEALING_SUITE = os.environ.get("GEOBUK_SEALING_SUITE", "X25519")
if SEALING_SUITE not in ("X25519", "X-Wing"):
    raise ImproperlyConfigured("set GEOBUK_SEALING_SUITE to X25519 or X-Wing, or leave it out")

UPLOAD_MAX_BYTES = int(os.environ.get("GEOBUK_UPLOAD_MAX_BYTES", 50 * 1000**3))  # one file
UPLOAD_MAX_FILES = 500  # a package
# What one seller may have in uploads that are not sealed yet.
UPLOAD_QUOTA_BYTES = int(os.environ.get("GEOBUK_UPLOAD_QUOTA_BYTES", 4 * UPLOAD_MAX_BYTES))
COVER_MAX_BYTES = 8 * 1024**2

DEBUG = False
ALLOWED_HOSTS = os.environ.get("GEOBUK_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "csp",
    "django_htmx",
    "django_tasks_db",
    "ninja",
    "marketplace.core",
    "marketplace.accounts",
    "marketplace.messaging",
    "marketplace.packaging",
    "marketplace.catalog",
    "marketplace.discounts",
    "marketplace.orders",
    "marketplace.payments",
    "marketplace.ledger",
    "marketplace.licensing",
    "marketplace.distribution",
    "marketplace.rewards",
    "marketplace.continuity",
    "marketplace.handovers",
    "marketplace.publishing",
    "marketplace.checkout",
    "marketplace.library",
    "marketplace.earnings",
    "marketplace.operations",
    "marketplace.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "marketplace.core.middleware.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.core.middleware.DomainErrorMiddleware",
    "marketplace.payments.patience.PatienceMiddleware",
]

ROOT_URLCONF = "marketplace.config.urls"
ASGI_APPLICATION = "marketplace.config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.core.context.site",
                "marketplace.checkout.context.cart",
            ],
        },
    },
]


def _database() -> dict[str, Any]:
    """SQLite in WAL mode, or PostgreSQL where GEOBUK_PG_NAME names a database."""
    if name := os.environ.get("GEOBUK_PG_NAME"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": os.environ.get("GEOBUK_PG_USER", ""),
            "PASSWORD": os.environ.get("GEOBUK_PG_PASSWORD", ""),
            "HOST": os.environ.get("GEOBUK_PG_HOST", ""),
            "PORT": os.environ.get("GEOBUK_PG_PORT", ""),
            "CONN_HEALTH_CHECKS": True,
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
        # IMMEDIATE takes the write lock when the transaction begins, so that writers
        # queue up for `timeout` seconds instead of failing half-way (docs/decisions).
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Shared by all processes and kept over a restart: device codes and rate limits live here.
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        # Rate limits live here too; Django's default of 300 would let a flood wipe them out.
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
}
# Events cross processes through the outbox table (messaging/relay.py), so the layer
# itself only has to reach the sockets of its own process.
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}
TASKS: dict[str, Any] = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# Error pages and mails show no local variable of code that handles keys.
DEFAULT_EXCEPTION_REPORTER_FILTER = "marketplace.core.error_reports.KeepsKeysOut"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/library/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Geobuk] "
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_ADAPTER = "marketplace.accounts.adapter.AccountAdapter"
ACCOUNT_CHANGE_EMAIL = True  # one address, replaced when the new one is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # in the browser that signed up, and no other
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
# Added to allauth's own: codes typed at /device/, and logins begun at /oauth/device.
ACCOUNT_RATE_LIMITS = {"device_user_code": "10/5m/user,30/5m/ip", "device_begin": "60/10m/ip"}
# How many devices an account may have at once, and how many new keys in any twelve months.
DEVICE_LIMIT = int(os.environ.get("GEOBUK_DEVICES", "5"))
DEVICE_KEYS_PER_YEAR = int(os.environ.get("GEOBUK_DEVICE_KEYS", "10"))
# A lease of a rental, and how long a device that stays offline may still play after its end:
# together the longest that a device keeps what was taken back.
LEASE_DURATION = dt.timedelta(hours=int(os.environ.get("GEOBUK_LEASE_HOURS", "72")))
LEASE_GRACE = dt.timedelta(hours=int(os.environ.get("GEOBUK_LEASE_GRACE_HOURS", "24")))
if LEASE_DURATION.total_seconds() < 3600 or LEASE_GRACE.total_seconds() < 0:
    raise ImproperlyConfigured("GEOBUK_LEASE_HOURS is at least 1, GEOBUK_LEASE_GRACE_HOURS 0")
# What the shop keeps of a sale, what a payment costs about, and the tax that prices include:
# GEOBUK_FEE_PERCENT, GEOBUK_FEE_FIXED and their neighbours (core/fee_rates.py).
try:
    FEES = fee_rates(os.environ)
    # GEOBUK_POOL_DAYS, GEOBUK_REWARD_DAYS and GEOBUK_REWARD_RESERVE (rewards/policy.py).
    REWARDS = reward_policy(os.environ)
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from error
# How many proxies of ours stand in front: their X-Forwarded-For entries are believed.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("GEOBUK_PROXIES", "0"))

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "marketplace.config.formats"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
STATICFILES_DIRS: list[Any] = [
    BASE_DIR / "static",
    ("vendor/htmx", BASE_DIR / "node_modules" / "htmx.org" / "dist"),
    ("vendor/tus", BASE_DIR / "node_modules" / "tus-js-client" / "dist"),
    (
        "vendor/noto-sans-kr",
        BASE_DIR / "node_modules" / "@fontsource-variable" / "noto-sans-kr",
    ),
]
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("GEOBUK_MAIL_FROM", "Geobuk <no-reply@geobuk.example>")

STRIPE_SECRET_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = os.environ.get("STRIPE_WEBHOOK_SECRET", "")
# Of the endpoint for events of sellers' accounts (Connect), where they have one.
STRIPE_CONNECT_WEBHOOK_SECRET = os.environ.get("STRIPE_CONNECT_WEBHOOK_SECRET", "")
# Stripe Tax: reckons the tax in each price by the buyer's country, and asks businesses for
# their number. It must be set up at Stripe first.
STRIPE_TAX = os.environ.get("GEOBUK_STRIPE_TAX", "") == "1"
# How long a subscription goes on opening while its renewal is not paid yet.
SUBSCRIPTION_GRACE = dt.timedelta(
    hours=int(os.environ.get("GEOBUK_SUBSCRIPTION_GRACE_HOURS", "72"))
)
if SUBSCRIPTION_GRACE.total_seconds() < 7200:
    # Stripe itself lets an hour pass between the end of a period and the charge of the next.
    raise ImproperlyConfigured("GEOBUK_SUBSCRIPTION_GRACE_HOURS is at least 2")
STRIPE_API_BASE = os.environ.get("STRIPE_API_BASE", "")  # empty: Stripe's own
STRIPE_PATIENCE = 13.0  # seconds that somebody at a page waits for Stripe, in all
# Else a function of the base that gives the SDK its HTTP client.
STRIPE_TRANSPORT: Callable[[str], Any] | None = None

# The tracker's address as the seeders see it.
TRACKER_URL = os.environ.get("GEOBUK_TRACKER_URL", f"{SITE_URL}/announce")
# Where several web processes tell each other of peers: redis://…. Empty: one process alone.
SWARM_REDIS = os.environ.get("GEOBUK_SWARM_REDIS", "")
ORIGIN_LISTEN = os.environ.get("GEOBUK_ORIGIN_LISTEN", "0.0.0.0:6881")  # for open swarms
ORIGIN_TLS_LISTEN = os.environ.get("GEOBUK_ORIGIN_TLS_LISTEN", "0.0.0.0:6882")  # for closed ones
# Bytes a second that the origin sends in all, 0 for no limit; of a package that enough buyers
# share, it sends no more than the second, as a reserve.
ORIGIN_UP = int(os.environ.get("GEOBUK_ORIGIN_UP", "0"))
ORIGIN_STEPPED_BACK = int(os.environ.get("GEOBUK_ORIGIN_STEPPED_BACK", "2000000"))
ORIGIN_CONNECTIONS = int(os.environ.get("GEOBUK_ORIGIN_CONNECTIONS", "2000"))
# The IP address at which peers dial the origin, where it is not the one it announces from.
ORIGIN_ADDRESS = os.environ.get("GEOBUK_ORIGIN_ADDRESS", "")

# Whether a new package's swarm is closed: only devices with a certificate of it get in.
CLOSED_SWARMS = os.environ.get("GEOBUK_SWARMS", "closed") != "open"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024**2

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}
# Added under /admin/: its pages need inline styles and Alpine's evaluated attributes.
ADMIN_POLICY: dict[str, Any] = {
    "script-src": ["'unsafe-inline'", "'unsafe-eval'"],
    "style-src": ["'unsafe-inline'"],
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # A line for every call and every job says nothing when all is well.
    "loggers": {
        name: {"level": "WARNING"} for name in ("stripe", "django_tasks", "fontTools", "fpdf")
    },
}

# The address is unique by a constraint over its lower-case form, which the check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
