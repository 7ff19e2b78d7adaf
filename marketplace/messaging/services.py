"""Telling people: events to open pages and seeders, and mail."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterable
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from marketplace.core.text import clean_line
from marketplace.messaging.models import Event

__all__ = ["publish", "publish_to", "send_mail", "user_group"]


def user_group(user_id: uuid.UUID) -> str:
    """The name of the channel group that all pages and seeders of a user listen to."""
    return f"user.{user_id.hex}"


def publish(*, group: str, kind: str, payload: dict[str, Any]) -> None:
    """Tell everyone who listens to `group` that `kind` happened.

    The event is a row of the running transaction: it goes out when that commits,
    and not at all when it rolls back. `payload` must be JSON.
    """
    Event.objects.create(group=group, kind=kind, payload=payload)


def publish_to(*, groups: Iterable[str], kind: str, payload: dict[str, Any]) -> None:
    """`publish` to several groups at once."""
    Event.objects.bulk_create(
        [Event(group=group, kind=kind, payload=payload) for group in groups], batch_size=500
    )


def send_mail(
    *, to: str, template: str, context: dict[str, Any], language: str | None = None
) -> None:
    """Send the mail of `templates/messaging/mail/<template>.{subject.txt,txt,html}` after commit.

    The `.html` part may be missing. A subject is one line, whatever its template holds.
    """
    with translation.override(language or translation.get_language()):
        base = f"messaging/mail/{template}"
        subject = clean_line(render_to_string(f"{base}.subject.txt", context))
        message = EmailMultiAlternatives(
            subject=subject, body=render_to_string(f"{base}.txt", context), to=[to]
        )
    transaction.on_commit(functools.partial(message.send, fail_silently=False), robust=True)
