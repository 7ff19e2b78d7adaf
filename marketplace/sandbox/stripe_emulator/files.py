"""Files that are uploaded to Stripe: as evidence in a dispute, and for nothing else here."""

from __future__ import annotations

import hashlib
from typing import Any

import stripe
from stripe.params import FileCreateParams, FileListParams, FileRetrieveParams

from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.multipart import file_of
from marketplace.sandbox.stripe_emulator.routing import readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["EVIDENCE", "ROUTES", "create"]

EVIDENCE = "dispute_evidence"
LARGEST = 5_000_000  # bytes, of one file that is evidence
_KINDS = {b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


def create(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """Keep what is known of a file: name, kind, size, digest. Raises ApiError."""
    if params["purpose"] != EVIDENCE:
        raise ApiError("The emulator takes files as dispute_evidence alone.", param="purpose")
    if "file_link_data" in params:
        raise ApiError("The emulator does not know what file_link_data does.")
    name, data = file_of(params["file"])
    kind = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), None)
    if kind is None:
        raise ApiError(
            "The file type uploaded is not supported for the given purpose. Supported types are:"
            " pdf, jpg, png.",
            param="file",
        )
    if len(data) > LARGEST:
        raise ApiError(f"The file is too large: at most {LARGEST} bytes.", param="file")
    file_id = world.new_id("file_")
    return world.store.put(
        fill(
            stripe.File,
            id=file_id,
            object="file",
            created=world.seconds(),
            filename=name,
            links={"object": "list", "data": [], "has_more": False, "url": "/v1/file_links"},
            purpose=EVIDENCE,
            size=len(data),
            type=kind,
            url=f"{world.base_url}/v1/files/{file_id}/contents",
            _sha256=hashlib.sha256(data).hexdigest(),
        )
    )


ROUTES = [
    route("POST", "/files", FileCreateParams, lambda world, _, params: create(world, params)),
    *readable("/files", "file", FileRetrieveParams, FileListParams),
]
