"""The studio page of a listing's files: upload, order, rights, publish, progress."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog.errors import ListingNotReadyError
from marketplace.catalog.queries import promises, withdrawal
from marketplace.catalog.types import Listing
from marketplace.packaging import queries as packaging_queries
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import (
    NoFilesError,
    SaveRequiredError,
    UploadNotFoundError,
    UploadsUnfinishedError,
)
from marketplace.packaging.types import Upload
from marketplace.publishing import queries, services
from marketplace.publishing.access import seller_required
from marketplace.publishing.draft_pages import list_of, no_player, progress_of
from marketplace.publishing.forms import RightsForm

__all__ = ["file_list", "files", "move", "progress", "publish", "remove"]


@never_cache
@require_safe
@seller_required
def files(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    return _page(request, listing, RightsForm(listing=listing))


@never_cache
@require_safe
@seller_required
def file_list(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    return list_of(request, listing_id, listing.draft)


@require_POST
@seller_required
def move(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, upload_id: uuid.UUID
) -> HttpResponse:
    upload = _upload_of(listing_id, upload_id, seller)
    step = -1 if request.POST.get("to") == "up" else 1
    packaging.move_upload(owner=seller, upload_id=upload_id, step=step)
    return list_of(request, listing_id, upload.draft)


@require_POST
@seller_required
def remove(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, upload_id: uuid.UUID
) -> HttpResponse:
    upload = _upload_of(listing_id, upload_id, seller)
    packaging.remove_upload(owner=seller, upload_id=upload_id)
    return list_of(request, listing_id, upload.draft)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def publish(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    """Publish by POST. A reload of what it refused, or a second click, shows the files' page."""
    listing = catalog_queries.own_listing(listing_id, seller)
    if request.method != "POST" or listing.status != Listing.Status.DRAFT:
        return redirect("publishing:files", listing_id)
    form = RightsForm(request.POST, listing=listing)
    if form.is_valid():
        try:
            services.publish(listing_id=listing_id, seller=seller, terms=form.terms)
        except SaveRequiredError as error:
            # Who publishes a subscription is asked for no rights: the sentence stands above.
            field = None if listing.is_subscription else "rights"
            form.add_error(field, no_player(listing, error))
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
    running = listing.status == Listing.Status.PREPARING
    return progress_of(request, listing.draft, running=running)


def _upload_of(listing_id: uuid.UUID, upload_id: uuid.UUID, seller: User) -> Upload:
    """The upload, where the listing is the seller's and it is one of its files, or of its next
    version's.
    """
    listing = catalog_queries.own_listing(listing_id, seller)
    version = catalog_queries.own_version(listing_id, seller)
    upload = packaging_queries.upload(upload_id, seller)
    if upload.draft_id not in (listing.draft_id, version and version.draft_id):
        raise UploadNotFoundError(str(upload_id))
    return upload


def _page(request: HttpRequest, listing: Listing, form: RightsForm) -> HttpResponse:
    context = {
        "listing": listing,
        "draft": listing.draft,
        "open": listing.status == Listing.Status.DRAFT,
        "running": listing.status == Listing.Status.PREPARING,
        "progress_url": reverse("publishing:progress", args=[listing.pk]),
        "files": queries.files_of(listing.draft_id),
        "form": form,
        "promises": promises(listing),
        "withdrawal": withdrawal(rental=listing.is_leased),
        "if_sold": withdrawal(rental=False),
        "if_rented": withdrawal(rental=True),
        "limits": queries.limits(),
    }
    status = 422 if form.errors else 200
    return render(request, "publishing/files.html", context, status=status)
