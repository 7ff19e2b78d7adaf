"""The sandbox's mailbox. Everybody on this machine may read it: it is no secret place."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import urlize
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from marketplace.sandbox.models import Mail

__all__ = ["mailbox"]


@require_GET
def mailbox(request: HttpRequest) -> HttpResponse:
    """Newest first; `?to=` shows one person's mail."""
    to = request.GET.get("to", "").strip()
    mails = Mail.objects.filter(to__iexact=to) if to else Mail.objects.all()
    page = Paginator(mails, 20).get_page(request.GET.get("page"))
    for mail in page.object_list:
        # urlize with autoescape: the text is escaped, then addresses become links.
        mail.shown = mark_safe(urlize(mail.body, autoescape=True))  # type: ignore[attr-defined]  # noqa: S308
    return render(request, "sandbox/mail.html", {"page": page, "to": to})
