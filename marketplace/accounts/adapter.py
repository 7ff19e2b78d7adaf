"""allauth, as this shop wants it: links and redirects stay on the shop's own address."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from marketplace.accounts.models import User

__all__ = ["AccountAdapter", "logged_in_recently"]


def logged_in_recently(request: HttpRequest) -> bool:
    """Whether this person has shown their password (or a second factor) in the last minutes."""
    records = get_authentication_records(request, request.user)
    newest = max((record["at"] for record in records), default=0)
    # The records carry the wall clock of allauth, so this is compared with the same one.
    age = time.time() - newest  # noqa: TID251
    return bool(0 <= age < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


class AccountAdapter(DefaultAccountAdapter):
    """Differs from allauth's in four things: addresses, redirects, rivals, fresh log-ins."""

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        # Never built from the Host header, which whoever asks for the mail can choose.
        path = reverse("account_confirm_email", args=[emailconfirmation.key])
        return f"{settings.SITE_URL}{path}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.SITE_URL}{path.replace('UID-KEY', quote(key))}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        own = {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL}
        super().send_mail(template_prefix, email, {**context, **own})

    def is_safe_url(self, url: str | None) -> bool:
        # Neither other ports of this host nor other names of it: only this shop.
        hosts = {urlsplit(settings.SITE_URL).netloc, self.request.get_host()}
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts=hosts, require_https=self.request.is_secure()
        )

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        try:
            with transaction.atomic():
                saved: User = super().save_user(request, user, form, commit=commit)
        except IntegrityError:
            # Two sign-ups with one address at once: the second one is answered like
            # every sign-up with an address that is taken.
            response = self.respond_email_verification_sent(request, None)
            raise ImmediateHttpResponse(response) from None
        return saved

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        # An account that never confirmed this address holds it too; who owns the mailbox
        # can take that account over by a password reset.
        rivals = User.objects.filter(email__iexact=email_address.email)
        if rivals.exclude(pk=email_address.user_id).exists():
            self.add_message(
                request,
                messages.ERROR,
                "account/messages/email_confirmation_failed.txt",
                {"email": email_address.email},
            )
            return False
        return bool(super().confirm_email(request, email_address))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        # allauth asks again even right after a log-in; the log-in itself is fresh enough.
        required = super().is_reauthentication_required(app=app, **kwargs)
        return bool(required) and not logged_in_recently(context.request)
