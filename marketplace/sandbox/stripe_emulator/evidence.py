"""What a shop may say in a dispute, and how a test card's bank takes it."""

from __future__ import annotations

from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator import files
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["blank", "outcome", "stage"]

_FILES = frozenset(
    {
        "cancellation_policy", "customer_communication", "customer_signature",
        "duplicate_charge_documentation", "receipt", "refund_policy", "service_documentation",
        "shipping_documentation", "uncategorized_file",
    }
)  # fmt: skip
_LONGEST, _LONGEST_OF_ALL = 20_000, 150_000  # characters
# What is written in uncategorized_text decides a dispute in Stripe's test mode.
_OUTCOMES = {
    "winning_evidence": "win_dispute",
    "losing_evidence": "lose_dispute",
    "escalate_inquiry_evidence": "escalate_dispute",
}


def blank(charge: dict[str, Any]) -> dict[str, Any]:
    """The evidence that a dispute begins with: what Stripe itself knows of the buyer."""
    details = charge["billing_details"]
    return fill(
        stripe.Dispute.Evidence,
        customer_email_address=details["email"],
        customer_name=details["name"],
        enhanced_evidence={},
    )


def stage(world: World, dispute: dict[str, Any], given: dict[str, Any]) -> None:
    """Merge `given` into a dispute's evidence; "" takes a field away. Raises ApiError."""
    for name in given.keys() & {"appeal", "enhanced_evidence"}:
        raise ApiError(f"The emulator does not know what {name} does.", param=f"evidence[{name}]")
    for name in sorted(given.keys() & _FILES):
        if given[name]:
            _check_file(world, given[name], f"evidence[{name}]")
    merged = {**dispute["evidence"], **{name: text or None for name, text in given.items()}}
    texts = {name: text for name, text in merged.items() if isinstance(text, str)}
    for name, text in texts.items():
        if len(text) > _LONGEST:
            raise ApiError(
                f"Invalid string: at most {_LONGEST} characters.", param=f"evidence[{name}]"
            )
    if sum(map(len, texts.values())) > _LONGEST_OF_ALL:
        raise ApiError(
            f"The evidence may have at most {_LONGEST_OF_ALL} characters.", param="evidence"
        )
    dispute["evidence"] = merged
    if any(given.values()):
        dispute["evidence_details"]["has_evidence"] = True


def _check_file(world: World, file_id: str, param: str) -> None:
    found = world.get(file_id, "file", param=param)
    if found["purpose"] != files.EVIDENCE:
        raise ApiError("The file was not uploaded as dispute_evidence.", param=param)


def outcome(dispute: dict[str, Any]) -> str | None:
    """The job that follows on what was submitted; None leaves it to a test to decide."""
    text = (dispute["evidence"]["uncategorized_text"] or "").strip()
    kind = _OUTCOMES.get(text)
    if dispute["status"] == "warning_under_review" and kind in ("win_dispute", "lose_dispute"):
        return "close_inquiry"
    return kind
