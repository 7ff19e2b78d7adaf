from __future__ import annotations

from django.urls import path

from marketplace.checkout import dispute_views, sale_views, subscription_views, views, webhooks

__all__ = ["app_name", "urlpatterns"]

app_name = "checkout"

urlpatterns = [
    path("buy/<uuid:listing_id>/", views.buy, name="buy"),
    path("bills/<uuid:bill_id>/", views.bill, name="bill"),
    path("orders/<uuid:order_id>/", views.order, name="order"),
    path("subscribe/<uuid:listing_id>/", subscription_views.subscribe, name="subscribe"),
    path("subscriptions/", subscription_views.subscriptions, name="subscriptions"),
    path(
        "subscriptions/<uuid:order_id>/", subscription_views.subscription, name="subscription"
    ),
    path(
        "subscriptions/<uuid:order_id>/cancel/",
        subscription_views.cancel,
        name="subscription_cancel",
    ),
    path("subscriptions/<uuid:order_id>/keep/", subscription_views.keep, name="subscription_keep"),
    path("subscriptions/<uuid:order_id>/pay/", subscription_views.pay, name="subscription_pay"),
    path("studio/sales/", sale_views.sales, name="sales"),
    path("studio/sales/<uuid:order_id>/refund/", sale_views.refund, name="refund"),
    path("studio/disputes/", dispute_views.disputes, name="disputes"),
    path("studio/disputes/<uuid:dispute_id>/", dispute_views.dispute, name="dispute"),
    path(
        "studio/disputes/<uuid:dispute_id>/files/",
        dispute_views.evidence,
        name="dispute_evidence",
    ),
    path("webhooks/stripe/", webhooks.stripe_webhook, name="stripe_webhook"),
]
