"""Who may set up how they are paid: people who sell."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User

__all__ = ["sellers_only"]


def sellers_only(
    view: Callable[[HttpRequest, User], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Give the view the seller; send others to log in, or to become one."""

    @functools.wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        user = cast("User", request.user)
        if accounts.seller_of(user) is None:
            messages.info(request, _("You are paid once you sell: it takes a name and a country."))
            return redirect("accounts:become_seller")
        return view(request, user)

    return cast("Callable[[HttpRequest], HttpResponse]", login_required(guarded))
