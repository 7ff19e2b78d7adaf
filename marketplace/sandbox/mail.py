"""Mail of the sandbox: kept in a table and shown on a page, never sent."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMultiAlternatives

from marketplace.sandbox.models import Mail

__all__ = ["MailboxBackend"]


class MailboxBackend(BaseEmailBackend):
    """Puts each message where /sandbox/mail/ shows it, a row for each recipient."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            html = ""
            if isinstance(message, EmailMultiAlternatives):
                html = next((str(a[0]) for a in message.alternatives if a[1] == "text/html"), "")
            Mail.objects.bulk_create(
                Mail(to=to, subject=str(message.subject), body=str(message.body), html=html)
                for to in message.recipients()
            )
        return len(email_messages)
