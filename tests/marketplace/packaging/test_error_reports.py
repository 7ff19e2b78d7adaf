"""A failure in the middle of custody: its report shows where, and no byte of a key."""

from __future__ import annotations

import base64
import html
import logging
from collections.abc import Iterator
from types import TracebackType

import pytest
from django.contrib import admin
from django.core import mail
from django.db import models
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, get_default_exception_reporter_filter
from pytest_django import Settings

from drm.custody import MasterKey, wrap_key
from drm.encoding import b64u
from drm.keys import ContentKey
from marketplace.packaging import custody
from marketplace.packaging.errors import CustodyError

pytestmark = pytest.mark.django_db
_Failure = tuple[type[BaseException], BaseException, TracebackType | None]
# No byte is a letter, so that what is found is the key and nothing else.
KEY, MASTER = bytes(range(160, 192)), bytes(range(200, 232))


def _leaks(page: str, secret: bytes) -> list[str]:
    """What of the secret stands on the page; pprint breaks long bytes after any fourth one."""
    pieces = [repr(secret[at : at + 4])[2:-1] for at in range(0, len(secret), 4)]
    whole = [secret.hex(), base64.b64encode(secret).decode(), b64u(secret), repr(list(secret))]
    return [shape for shape in (*pieces, *whole) if shape in html.unescape(page)]


def _failures(monkeypatch: pytest.MonkeyPatch) -> list[_Failure]:
    """One failure with a content key in a local variable, and one with the master key."""
    monkeypatch.setenv("GEOBUK_MASTER_KEY", f"{MASTER.hex()},{MASTER.hex()[1:]}")
    broken: bytes = "not bytes"  # type: ignore[assignment]
    failures: list[_Failure] = []
    for work in (
        lambda: wrap_key(ContentKey(KEY), master=MasterKey(MASTER), context=broken),
        custody.master_keys,
    ):
        try:
            work()
        except (TypeError, CustodyError) as error:
            failures.append((type(error), error, error.__traceback__))
    assert len(failures) == 2
    return failures


def _shown(failure: _Failure) -> list[str]:
    """Both technical pages, the mail to the operators, and the log's line."""
    mail.outbox.clear()
    request = RequestFactory().get("/")
    record = logging.LogRecord("django", logging.ERROR, __file__, 1, "failed", None, failure)
    AdminEmailHandler(include_html=True).emit(record)
    [message] = mail.outbox
    assert isinstance(message, mail.EmailMultiAlternatives)
    reporter = ExceptionReporter(request, *failure)
    return [
        reporter.get_traceback_html(),
        reporter.get_traceback_text(),
        str(message.body),
        *(str(content) for content, *_ in message.alternatives),
        logging.Formatter().format(record),
    ]


@pytest.fixture(autouse=True)
def fresh_filter(settings: Settings) -> Iterator[None]:
    settings.ADMINS = [("Operator", "operator@example.org")]
    get_default_exception_reporter_filter.cache_clear()  # type: ignore[attr-defined]
    yield
    get_default_exception_reporter_filter.cache_clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize("debug", [False, True])
def test_reports_and_mails_show_no_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    settings.DEBUG = debug

    for failure in _failures(monkeypatch):
        pages = _shown(failure)
        assert "not bytes" in pages[0]  # the frames of other code keep theirs
        for page in pages:
            assert [*_leaks(page, KEY), *_leaks(page, MASTER)] == []


def test_the_filter_of_the_framework_would_show_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "django.views.debug.SafeExceptionReporterFilter"

    of_key, of_master = _failures(monkeypatch)

    assert _leaks(_shown(of_key)[0], KEY)
    assert _leaks(_shown(of_master)[0], MASTER)


def test_the_admin_shows_nothing_that_is_wrapped() -> None:
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in ("packaging", "licensing"):
            continue
        hidden = {f.name for f in model._meta.get_fields() if isinstance(f, models.BinaryField)}
        named = {*page.list_display, *page.readonly_fields, *(page.fields or ())}
        assert not named & {*hidden, "wrapped", "jws", "wrapped_key"}
