from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("marketplace.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("marketplace.catalog.urls")),
    path("", include("marketplace.library.urls")),
    path("", include("marketplace.continuity.urls")),
    path("", include("marketplace.handovers.urls")),
    path("", include("marketplace.api.urls")),
    path("", include("marketplace.checkout.urls")),
    path("", include("marketplace.earnings.urls")),
    path("", include("marketplace.publishing.urls")),
]

if settings.SANDBOX:
    urlpatterns += [path("sandbox/", include("marketplace.sandbox.urls"))]
