"""The parts of a page that show a draft: its files, and how far preparing it is."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from marketplace.catalog import queries as catalog_queries
from marketplace.catalog.types import Listing
from marketplace.packaging.errors import SaveRequiredError
from marketplace.packaging.types import PackageDraft
from marketplace.publishing import queries

__all__ = ["is_open", "list_of", "no_player", "progress_of"]


def progress_of(request: HttpRequest, draft: PackageDraft, *, running: bool) -> HttpResponse:
    """How far the preparing of a draft is; its address asks again while it is `running`."""
    context = {"draft": draft, "running": running, "progress_url": request.path}
    response = render(request, "publishing/_progress.html", context)
    if not running:
        # On sale or failed: the whole page has changed.
        response["HX-Refresh"] = "true"
    return response


def list_of(request: HttpRequest, listing_id: uuid.UUID, draft: PackageDraft) -> HttpResponse:
    """The list of a draft's files alone where htmx asks; else the page that it stands on."""
    listing = catalog_queries.listing_by_id(listing_id)
    if not getattr(request, "htmx", False):
        page = "files" if listing.draft_id == draft.pk else "version"
        return redirect(f"publishing:{page}", listing_id)
    context = {"listing": listing, "files": queries.files_of(draft.pk), "open": is_open(draft)}
    return render(request, "publishing/_files.html", context)


def is_open(draft: PackageDraft) -> bool:
    """Whether the files of a draft may still change."""
    return draft.state in (PackageDraft.State.COLLECTING, PackageDraft.State.FAILED)


def no_player(listing: Listing, error: SaveRequiredError) -> str:
    """Why these files cannot be sealed, and what to do: a subscription cannot be saved at all."""
    if not listing.is_subscription:
        return str(error)
    sentence = ngettext(
        "There is no player here for %(names)s, and who subscribes may only play. Remove it.",
        "There is no player here for %(names)s, and who subscribes may only play. Remove them.",
        len(error.names),
    )
    return sentence % {"names": ", ".join(error.names)}
