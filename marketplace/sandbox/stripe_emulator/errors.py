"""The errors that the API answers, in the shape of Stripe's."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "ValidationError", "missing_resource"]


class ApiError(Exception):
    """One error answer: an HTTP status, and the fields of the `error` object."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", **fields: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        kept = {name: value for name, value in fields.items() if value is not None}
        self.error: dict[str, Any] = {"type": kind, "message": message, **kept}


class ValidationError(ApiError):
    """The request itself is wrong. Nothing ran, so no answer is kept for its idempotency key."""


def missing_resource(kind: str, object_id: str, *, param: str | None = None) -> ApiError:
    """No such object: 404 where the address names it, 400 where a parameter does."""
    name = kind.replace(".", " ").replace("_", "")
    return ApiError(
        f"No such {name}: '{object_id}'",
        status=404 if param is None else 400,
        code="resource_missing",
        param=param or "id",
    )
