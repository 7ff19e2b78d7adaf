from __future__ import annotations

from django.urls import path

from marketplace.checkout import sale_views, views, webhooks

__all__ = ["app_name", "urlpatterns"]

app_name = "checkout"

urlpatterns = [
    path("buy/<uuid:listing_id>/", views.buy, name="buy"),
    path("bills/<uuid:bill_id>/", views.bill, name="bill"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("studio/sales/", sale_views.sales, name="sales"),
    path("studio/sales/<uuid:order_id>/refund/", sale_views.refund, name="refund"),
    path("webhooks/stripe/", webhooks.stripe_webhook, name="stripe_webhook"),
]
