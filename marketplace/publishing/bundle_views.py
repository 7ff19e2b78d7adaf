"""The studio's pages of bundles."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import BundleNotReadyError, PriceError, PricingError
from marketplace.catalog.forms import BundleForm
from marketplace.catalog.types import Bundle
from marketplace.publishing.access import seller_required

__all__ = ["bundle", "bundles", "new_bundle", "publish_bundle", "withdraw_bundle"]


@never_cache
@require_safe
@seller_required
def bundles(request: HttpRequest, seller: User) -> HttpResponse:
    """The seller's bundles."""
    context = {
        "bundles": catalog_queries.bundles_of(seller),
        "enough": catalog_queries.can_be_bundled(seller).count() >= 2,
    }
    return render(request, "publishing/bundles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def new_bundle(request: HttpRequest, seller: User) -> HttpResponse:
    """Put listings together at one price; saved, it can be put on sale."""
    return _form(request, seller, None)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def bundle(request: HttpRequest, seller: User, bundle_id: uuid.UUID) -> HttpResponse:
    """Change a bundle, on sale or not."""
    return _form(request, seller, catalog_queries.own_bundle(bundle_id, seller))


@require_POST
@seller_required
def publish_bundle(request: HttpRequest, seller: User, bundle_id: uuid.UUID) -> HttpResponse:
    try:
        catalog.publish_bundle(bundle_id=bundle_id, seller=seller, now=timezone.now())
        messages.success(request, _("On sale. Buyers find it at its listings and in your shop."))
    except BundleNotReadyError as error:
        messages.error(request, str(error))
    return redirect("publishing:bundles")


@require_POST
@seller_required
def withdraw_bundle(request: HttpRequest, seller: User, bundle_id: uuid.UUID) -> HttpResponse:
    catalog.withdraw_bundle(bundle_id=bundle_id, seller=seller)
    messages.success(request, _("Off sale. Its listings stay on sale by themselves."))
    return redirect("publishing:bundles")


def _form(request: HttpRequest, seller: User, shown: Bundle | None) -> HttpResponse:
    form = BundleForm(request.POST or None, seller=seller, bundle=shown)
    if request.method == "POST" and form.is_valid():
        details = form.details()
        try:
            if shown is None:
                catalog.create_bundle(seller=seller, details=details)
            else:
                catalog.update_bundle(bundle_id=shown.pk, seller=seller, details=details)
        except PriceError as error:
            form.add_error("price", str(error))
        except PricingError as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("publishing:bundles")
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "bundle": shown}
    return render(request, "publishing/bundle.html", context, status=status)
