"""Included at the root: some of these addresses are promised to programs and to people."""

from __future__ import annotations

from django.urls import path

from marketplace.accounts import device_views, oauth_views, views

app_name = "accounts"
urlpatterns = [
    path("accounts/", views.overview, name="overview"),
    path("accounts/become-seller/", views.become_seller, name="become_seller"),
    path("accounts/tax-number/", views.tax_number, name="tax_number"),
    path("accounts/devices/", views.devices, name="devices"),
    path("accounts/devices/<uuid:device_id>/name/", views.device_rename, name="device_rename"),
    path(
        "accounts/devices/<uuid:device_id>/remove/",
        views.device_remove,
        name="device_remove_own",
    ),
    path(
        "accounts/devices/remove/<str:signed>/",
        views.device_remove_by_link,
        name="device_remove",
    ),
    path("device/", device_views.device, name="device"),
    path("device/approve/", device_views.approve, name="device_approve"),
    path("device/done/", device_views.done, name="device_done"),
    path("oauth/device", oauth_views.device_authorization, name="oauth_device"),
    path("oauth/token", oauth_views.token, name="oauth_token"),
]
