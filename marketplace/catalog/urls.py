from __future__ import annotations

from django.urls import path, re_path

from marketplace.catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.front, name="front"),
    path("c/<slug:slug>/", views.category, name="category"),
    path("t/<str:slug>/", views.tag, name="tag"),
    path("s/<str:slug>/", views.seller, name="seller"),
    path("search/", views.search, name="search"),
    path("l/<uuid:listing_id>/", views.listing, name="listing"),
    # A link that lost its last slash on the way still opens.
    path("l/<uuid:listing_id>", views.listing),
    re_path(r"^media/covers/(?P<name>[0-9a-f]{32}(?:-small)?\.webp)$", views.cover, name="cover"),
]
