"""The studio page of a listing's files: upload, order, rights, publish, progress."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog.errors import ListingNotReadyError
from marketplace.catalog.types import Listing
from marketplace.packaging import queries as packaging_queries
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import (
    NoFilesError,
    SaveRequiredError,
    UploadNotFoundError,
    UploadsUnfinishedError,
)
from marketplace.publishing import queries, services
from marketplace.publishing.access import seller_required
from marketplace.publishing.forms import RightsForm

__all__ = ["file_list", "files", "move", "progress", "publish", "remove"]


@never_cache
@require_safe
@seller_required
def files(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    return _page(request, listing, RightsForm(may_save=listing.may_save))


@never_cache
@require_safe
@seller_required
def file_list(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    return _list(request, catalog_queries.own_listing(listing_id, seller))


@require_POST
@seller_required
def move(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, upload_id: uuid.UUID
) -> HttpResponse:
    listing = _listing_with(listing_id, upload_id, seller)
    step = -1 if request.POST.get("to") == "up" else 1
    packaging.move_upload(owner=seller, upload_id=upload_id, step=step)
    return _list(request, listing)


@require_POST
@seller_required
def remove(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, upload_id: uuid.UUID
) -> HttpResponse:
    listing = _listing_with(listing_id, upload_id, seller)
    packaging.remove_upload(owner=seller, upload_id=upload_id)
    return _list(request, listing)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def publish(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    """Publish by POST. A reload of what it refused, or a second click, shows the files' page."""
    listing = catalog_queries.own_listing(listing_id, seller)
    if request.method != "POST" or listing.status != Listing.Status.DRAFT:
        return redirect("publishing:files", listing_id)
    form = RightsForm(request.POST, may_save=listing.may_save)
    if form.is_valid():
        try:
            services.publish(listing_id=listing_id, seller=seller, may_save=form.may_save)
        except SaveRequiredError as error:
            form.add_error("rights", str(error))
        except (NoFilesError, UploadsUnfinishedError) as error:
            form.add_error(None, str(error))
        except ListingNotReadyError:
            # Two clicks at once: the other one has published it.
            return redirect("publishing:files", listing_id)
        else:
            return redirect("publishing:files", listing_id)
    return _page(request, listing, form)


@never_cache
@require_safe
@seller_required
def progress(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    response = render(request, "publishing/_progress.html", {"listing": listing})
    if listing.status != Listing.Status.PREPARING:
        # On sale or failed: the whole page has changed.
        response["HX-Refresh"] = "true"
    return response


def _listing_with(listing_id: uuid.UUID, upload_id: uuid.UUID, seller: User) -> Listing:
    """The listing, where it is the seller's and the upload is one of its files."""
    listing = catalog_queries.own_listing(listing_id, seller)
    if packaging_queries.upload(upload_id, seller).draft_id != listing.draft_id:
        raise UploadNotFoundError(str(upload_id))
    return listing


def _page(request: HttpRequest, listing: Listing, form: RightsForm) -> HttpResponse:
    context = {
        "listing": listing,
        "files": queries.files_of(listing),
        "form": form,
        "limits": queries.limits(),
    }
    status = 422 if form.errors else 200
    return render(request, "publishing/files.html", context, status=status)


def _list(request: HttpRequest, listing: Listing) -> HttpResponse:
    """The list alone where htmx asks; else the page that it stands on."""
    if not getattr(request, "htmx", False):
        return redirect("publishing:files", listing.pk)
    context = {"listing": listing, "files": queries.files_of(listing)}
    return render(request, "publishing/_files.html", context)
