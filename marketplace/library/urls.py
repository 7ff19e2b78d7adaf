from __future__ import annotations

from django.urls import path

from marketplace.library import views

__all__ = ["app_name", "urlpatterns"]

app_name = "library"

urlpatterns = [
    path("library/", views.index, name="index"),
    path("seeder/<str:name>", views.seeder_program, name="seeder_program"),
    path("library/owned/<uuid:listing_id>/", views.owned, name="owned"),
]
