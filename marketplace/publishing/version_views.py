"""The studio page of a listing's versions: begin the next, add its files, publish or drop it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import ListingNotReadyError, VersionNotFoundError
from marketplace.packaging.errors import (
    DraftClosedError,
    NoFilesError,
    SaveRequiredError,
    UploadsUnfinishedError,
)
from marketplace.publishing import queries, services
from marketplace.publishing.access import seller_required
from marketplace.publishing.draft_pages import is_open, list_of, no_player, progress_of
from marketplace.publishing.forms import VersionForm

__all__ = ["begin", "drop", "file_list", "progress", "publish", "version"]


@never_cache
@require_safe
@seller_required
def version(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    return _page(request, seller, listing_id, None)


@require_POST
@seller_required
def begin(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    try:
        catalog.begin_version(listing_id=listing_id, seller=seller)
    except ListingNotReadyError as error:
        messages.error(request, str(error))
        return redirect("publishing:files", listing_id)
    return redirect("publishing:version", listing_id)


@require_POST
@seller_required
def drop(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    try:
        if catalog.drop_version(listing_id=listing_id, seller=seller):
            messages.success(request, _("Given up. The listing stays as it is."))
    except DraftClosedError as error:
        messages.error(request, str(error))
    return redirect("publishing:version", listing_id)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def publish(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    """Publish by POST. A reload of what it refused, or a second click, shows the page."""
    listing = catalog_queries.own_listing(listing_id, seller)
    if request.method != "POST":
        return redirect("publishing:version", listing_id)
    form = VersionForm(request.POST)
    if form.is_valid():
        notes = form.cleaned_data["notes"]
        try:
            services.publish_version(listing_id=listing_id, seller=seller, notes=notes)
        except SaveRequiredError as error:
            form.add_error(None, no_player(listing, error))
        except (NoFilesError, UploadsUnfinishedError) as error:
            form.add_error(None, str(error))
        except VersionNotFoundError:
            # Two clicks at once: it is out already, or it was given up.
            return redirect("publishing:version", listing_id)
        else:
            return redirect("publishing:version", listing_id)
    return _page(request, seller, listing_id, form)


@never_cache
@require_safe
@seller_required
def progress(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    made = catalog_queries.own_version(listing_id, seller)
    draft = made.draft if made is not None else listing.draft
    return progress_of(request, draft, running=made is not None and not is_open(draft))


@never_cache
@require_safe
@seller_required
def file_list(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    made = catalog_queries.own_version(listing_id, seller)
    return list_of(request, listing_id, made.draft if made is not None else listing.draft)


def _page(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, form: VersionForm | None
) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    made = catalog_queries.own_version(listing_id, seller)
    context: dict[str, Any] = {
        "listing": listing,
        "made": made,
        "versions": catalog_queries.versions_of(listing_id),
        "form": form or VersionForm(initial={"notes": made.notes if made else ""}),
        "limits": queries.limits(),
    }
    if made is not None:
        context |= {
            "draft": made.draft,
            "open": is_open(made.draft),
            "running": not is_open(made.draft),
            "files": queries.files_of(made.draft_id),
            "list_url": reverse("publishing:version_files", args=[listing_id]),
            "progress_url": reverse("publishing:version_progress", args=[listing_id]),
        }
    status = 422 if form is not None and form.errors else 200
    return render(request, "publishing/version.html", context, status=status)
