from __future__ import annotations

from django.urls import path

from marketplace.publishing import (
    bundle_views,
    code_views,
    file_views,
    price_views,
    sharing_views,
    version_views,
    views,
)

app_name = "publishing"
urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/new/", views.new, name="new"),
    path("studio/codes/", code_views.codes, name="codes"),
    path("studio/codes/new/", code_views.new_code, name="new_code"),
    path("studio/codes/<uuid:code_id>/end/", code_views.end_code, name="end_code"),
    path("studio/bundles/", bundle_views.bundles, name="bundles"),
    path("studio/bundles/new/", bundle_views.new_bundle, name="new_bundle"),
    path("studio/bundles/<uuid:bundle_id>/", bundle_views.bundle, name="bundle"),
    path(
        "studio/bundles/<uuid:bundle_id>/publish/",
        bundle_views.publish_bundle,
        name="publish_bundle",
    ),
    path(
        "studio/bundles/<uuid:bundle_id>/withdraw/",
        bundle_views.withdraw_bundle,
        name="withdraw_bundle",
    ),
    path("studio/price-note/", price_views.price_note, name="price_note"),
    path("studio/<uuid:listing_id>/sale/", price_views.sale, name="sale"),
    path(
        "studio/<uuid:listing_id>/sale/<uuid:sale_id>/end/",
        price_views.end_sale,
        name="end_sale",
    ),
    path("studio/<uuid:listing_id>/", views.edit, name="edit"),
    path("studio/<uuid:listing_id>/withdraw/", views.withdraw, name="withdraw"),
    path("studio/<uuid:listing_id>/resume/", views.resume, name="resume"),
    path("studio/<uuid:listing_id>/files/", file_views.files, name="files"),
    path("studio/<uuid:listing_id>/files/list/", file_views.file_list, name="file_list"),
    path("studio/<uuid:listing_id>/publish/", file_views.publish, name="publish"),
    path("studio/<uuid:listing_id>/progress/", file_views.progress, name="progress"),
    path("studio/<uuid:listing_id>/files/<uuid:upload_id>/move/", file_views.move, name="move"),
    path(
        "studio/<uuid:listing_id>/files/<uuid:upload_id>/remove/",
        file_views.remove,
        name="remove",
    ),
    path("studio/<uuid:listing_id>/sharing/", sharing_views.sharing, name="sharing"),
    path("studio/<uuid:listing_id>/version/", version_views.version, name="version"),
    path("studio/<uuid:listing_id>/version/begin/", version_views.begin, name="begin_version"),
    path("studio/<uuid:listing_id>/version/drop/", version_views.drop, name="drop_version"),
    path(
        "studio/<uuid:listing_id>/version/publish/", version_views.publish, name="publish_version"
    ),
    path("studio/<uuid:listing_id>/version/files/", version_views.file_list, name="version_files"),
    path(
        "studio/<uuid:listing_id>/version/progress/",
        version_views.progress,
        name="version_progress",
    ),
]
