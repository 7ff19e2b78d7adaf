"""The studio page on which a seller opens or closes the swarms of a listing."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.publishing.access import seller_required
from marketplace.publishing.forms import SharingForm
from marketplace.publishing.sharing import NOTHING_TO_SHARE, choose_swarm, shared_closed

__all__ = ["sharing"]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def sharing(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog.own_listing(listing_id, seller)
    closed = shared_closed(listing)
    if closed is None:
        messages.info(request, NOTHING_TO_SHARE)
        return redirect("publishing:files", listing_id)
    form = SharingForm(
        request.POST if request.method == "POST" else None,
        initial={"swarm": "closed" if closed else "open"},
    )
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data["swarm"] == "closed"
        choose_swarm(listing_id=listing_id, seller=seller, closed=wanted, now=timezone.now())
        said = _("Shared among buyers alone.") if wanted else _("Shared openly.")
        messages.success(request, said)
        return redirect("publishing:sharing", listing_id)
    context = {"form": form, "listing": listing, "closed": closed}
    status = 422 if form.errors else 200
    return render(request, "publishing/sharing.html", context, status=status)
