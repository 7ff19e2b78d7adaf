"""A failure in the middle of custody: its report shows where, and no byte of a key."""

from __future__ import annotations

import base64
import logging
from types import TracebackType

import pytest
from django.contrib import admin
from django.core import mail
from django.db import models
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from drm.custody import MasterKey, wrap_key
from drm.encoding import b64u
from drm.keys import ContentKey
from marketplace.packaging import custody

pytestmark = pytest.mark.django_db
_Failure = tuple[type[BaseException], BaseException, TracebackType | None]


def _shapes(secret: bytes) -> list[str]:
    return [
        secret.hex(),
        secret.hex().upper(),
        base64.b64encode(secret).decode(),
        b64u(secret),
        repr(secret)[2:-1],
        repr(list(secret))[1:-1],
    ]


def _failure(master: MasterKey, key: ContentKey) -> _Failure:
    """Fail below custody and below the library, where the key is a plain local variable."""
    broken: bytes = "not bytes"  # type: ignore[assignment]
    try:
        wrap_key(key, master=master, context=broken)
    except TypeError as error:
        return type(error), error, error.__traceback__
    raise AssertionError("custody took what is not bytes")


@pytest.mark.parametrize("debug", [False, True])
def test_reports_and_mails_show_no_key(settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    settings.ADMINS = [("Operator", "operator@example.org")]
    master, key = custody.master_key(), ContentKey.generate()
    failure = _failure(master, key)
    reporter = ExceptionReporter(RequestFactory().get("/"), *failure)
    record = logging.LogRecord("django", logging.ERROR, __file__, 1, "failed", None, failure)

    AdminEmailHandler(include_html=True).emit(record)
    html, text = reporter.get_traceback_html(), reporter.get_traceback_text()
    [message] = mail.outbox
    shown = [html, text, message.message().as_string(), str(message.body)]
    shown += [str(content) for content, _ in getattr(message, "alternatives", [])]
    shown.append(logging.Formatter().format(record))

    assert "_wrapping_key" in html
    assert "not bytes" in html  # the frames of other code keep theirs
    for page in shown:
        for secret in (master.to_bytes(), key.to_bytes()):
            assert [shape for shape in _shapes(secret) if shape in page] == []


def test_the_admin_shows_nothing_that_is_wrapped() -> None:
    for model, page in admin.site._registry.items():
        if model._meta.app_label not in ("packaging", "licensing"):
            continue
        hidden = {f.name for f in model._meta.get_fields() if isinstance(f, models.BinaryField)}
        named = {*page.list_display, *page.readonly_fields, *(page.fields or ())}
        assert not named & {*hidden, "wrapped", "jws", "wrapped_key"}
