"""Handovers, as a seeder sees them: what it is asked to give back, and its word that it has."""

from __future__ import annotations

import uuid

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from marketplace.api.edge import DeviceKeyAuth, caller
from marketplace.api.schemas import (
    ErrorOut,
    HandoverOut,
    HandoversOut,
    Nonce,
    SurrenderIn,
    SurrenderOut,
)
from marketplace.handovers import services

__all__ = ["router"]

_ERRORS = {frozenset({401, 403, 404, 409, 422}): ErrorOut}

# A proof alone is enough: a removed device, too, can let go of what it holds.
router = Router(auth=DeviceKeyAuth())


@router.get("/handovers", response={200: HandoversOut, **_ERRORS})
def handovers(request: HttpRequest, nonce: Query[Nonce]) -> HandoversOut:
    """The licences that this device is asked to delete; each `request` is signed over the nonce."""
    _user, device = caller(request)
    waiting = services.requests_for(device=device, nonce=nonce, now=timezone.now())
    return HandoversOut(
        handovers=[
            HandoverOut(
                id=one.handover_id,
                kind=one.kind,
                package=one.package_id,
                licence=one.licence_id,
                request=one.document,
            )
            for one in waiting
        ]
    )


@router.post("/handovers/{handover}/surrender", response={200: SurrenderOut, **_ERRORS})
def surrender(request: HttpRequest, handover: uuid.UUID, body: SurrenderIn) -> SurrenderOut:
    """This device's signed word that it has deleted its licence. Again: nothing happens."""
    _user, device = caller(request)
    now = timezone.now()
    reached = services.give_licence_back(
        device=device, handover_id=handover, word=body.surrender, now=now
    )
    return SurrenderOut(state=reached.state)
