from __future__ import annotations

from django.urls import path

from marketplace.handovers import present_views, views

__all__ = ["app_name", "urlpatterns"]

app_name = "handovers"

urlpatterns = [
    path("handovers/", views.index, name="index"),
    path("handovers/offer/<uuid:entitlement_id>/", views.offer, name="offer"),
    path("handovers/<uuid:handover_id>/", views.handover, name="handover"),
    path("handovers/<uuid:handover_id>/accept/", views.accept, name="accept"),
    path("handovers/<uuid:handover_id>/decline/", views.decline, name="decline"),
    path("handovers/<uuid:handover_id>/cancel/", views.cancel, name="cancel"),
    path("handovers/<uuid:handover_id>/renew/", views.renew, name="renew"),
    path("handovers/<uuid:handover_id>/return/", views.give_back, name="return"),
    path("presents/", present_views.index, name="presents"),
    path("presents/claim/<str:token>/", present_views.claim, name="present_claim"),
    path("presents/<uuid:present_id>/", present_views.present, name="present"),
    path("presents/<uuid:present_id>/send/", present_views.send, name="present_send"),
    path("presents/<uuid:present_id>/address/", present_views.address, name="present_address"),
    path("presents/<uuid:present_id>/keep/", present_views.keep, name="present_keep"),
]
