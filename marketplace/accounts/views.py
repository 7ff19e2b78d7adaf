"""The account pages: a person's own name, becoming a seller, and their devices."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts import queries, services
from marketplace.accounts.errors import (
    CountryError,
    DeviceNameError,
    RemovalLinkError,
    SellerNameError,
    SellerNotFoundError,
    TaxNumberError,
)
from marketplace.accounts.forms import DeviceNameForm, DisplayNameForm, SellerForm, TaxNumberForm
from marketplace.accounts.models import User

__all__ = [
    "become_seller",
    "device_remove",
    "device_remove_by_link",
    "device_rename",
    "devices",
    "overview",
    "tax_number",
]


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required has seen to it
    return request.user


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    form = DisplayNameForm(request.POST or None, initial={"display_name": user.display_name})
    if request.method == "POST" and form.is_valid():
        services.set_display_name(user=user, name=form.cleaned_data["display_name"])
        messages.success(request, _("Saved."))
        return redirect("accounts:overview")
    context = {
        "form": form,
        "seller": queries.seller_of(user),
        "device_count": queries.active_devices(user).count(),
    }
    return render(request, "accounts/overview.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tax_number(request: HttpRequest) -> HttpResponse:
    """The number that stands on the receipts of what a seller sells."""
    user = _user(request)
    seller = queries.seller_of(user)
    if seller is None:
        raise SellerNotFoundError(str(user.pk))
    form = TaxNumberForm(request.POST or None, initial={"number": seller.tax_number})
    if request.method == "POST" and form.is_valid():
        try:
            services.set_tax_number(user=user, number=form.cleaned_data["number"])
        except TaxNumberError as error:
            form.add_error("number", str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("accounts:overview")
    status = 422 if form.errors else 200
    return render(request, "accounts/tax_number.html", {"form": form}, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def become_seller(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    seller = queries.seller_of(user)
    form = SellerForm(request.POST or None)
    if request.method == "POST" and seller is None and form.is_valid():
        try:
            services.become_seller(user=user, **form.cleaned_data)
        except SellerNameError as error:
            form.add_error("name", str(error))
        except CountryError as error:
            form.add_error("country", str(error))
        else:
            messages.success(request, _("You are a seller now."))
            return redirect("accounts:become_seller")
    status = 422 if form.errors else 200
    return render(
        request, "accounts/become_seller.html", {"form": form, "seller": seller}, status=status
    )


@login_required
@never_cache
@require_safe
def devices(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    context = {
        "devices": queries.active_devices(user),
        "allowance": queries.device_allowance(user, now=timezone.now()),
    }
    return render(request, "accounts/devices.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_rename(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device(_user(request), device_id)
    form = DeviceNameForm(request.POST or None, initial={"name": device.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_device(
                user=_user(request), device_id=device_id, name=form.cleaned_data["name"]
            )
        except DeviceNameError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("The device has its new name."))
            return redirect("accounts:devices")
    status = 422 if form.errors else 200
    context = {"form": form, "device": device}
    return render(request, "accounts/device_rename.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_remove(request: HttpRequest, device_id: uuid.UUID) -> HttpResponse:
    device = queries.device(_user(request), device_id)
    if request.method == "POST":
        services.remove_device(user=_user(request), device_id=device_id, now=timezone.now())
        messages.success(request, _("“%s” is removed.") % device.name)
        return redirect("accounts:devices")
    return render(request, "accounts/device_remove.html", {"device": device})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def device_remove_by_link(request: HttpRequest, signed: str) -> HttpResponse:
    """The link of the mail. Opening it changes nothing, as mail scanners open links too."""
    try:
        device = services.device_of_removal_link(signed)
        if request.method == "POST":
            device = services.remove_device_by_link(signed=signed, now=timezone.now())
    except RemovalLinkError as error:
        context = {"problem": str(error)}
        return render(request, "accounts/device_remove_link.html", context, status=422)
    device.refresh_from_db()
    return render(request, "accounts/device_remove_link.html", {"device": device})
