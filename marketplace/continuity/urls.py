from __future__ import annotations

from django.urls import path

from marketplace.continuity import views

__all__ = ["app_name", "urlpatterns"]

app_name = "continuity"

urlpatterns = [
    path("accounts/recovery/", views.recovery, name="recovery"),
    path("accounts/recovery/remove/", views.remove, name="remove"),
]
