"""The buyer's own page."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

from marketplace.accounts.types import User
from marketplace.core.seeder_program import wheel
from marketplace.library.shelf import shelf_of
from marketplace.licensing import queries as licensing

__all__ = ["index", "owned", "seeder_program"]


@login_required
@never_cache
@vary_on_headers("HX-Request")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every purchase, with the progress of each device; asked by htmx, the list alone."""
    assert isinstance(request.user, User)
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by its middleware
    template = "library/_shelf.html" if htmx else "library/index.html"
    return render(request, template, {"shelf": shelf_of(request.user, now=timezone.now())})


@never_cache
@require_safe
def owned(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """What a listing's page shows instead of the buy button to who has bought it.

    204 where there is nothing to replace it with.
    """
    if not isinstance(request.user, User) or not licensing.owns(request.user, listing_id):
        return HttpResponse(status=204)
    context = {
        "listing_id": listing_id,
        "for_good": licensing.owns_for_good(request.user, listing_id),
    }
    return render(request, "library/_owned.html", context)


@require_safe
def seeder_program(request: HttpRequest, name: str) -> FileResponse:
    """The seeder of this shop's version, as a wheel for pip and pipx."""
    file = wheel()
    if file is None or file.name != name:
        raise Http404
    return FileResponse(file.open("rb"), content_type="application/zip", as_attachment=True)
