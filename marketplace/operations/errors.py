from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError

__all__ = ["BackupBrokenError", "StillOwedError", "TargetNotEmptyError"]


class BackupBrokenError(InvalidError):
    """What lies there is not a whole backup."""

    code = "backup_broken"


class StillOwedError(ConflictError):
    """Money between the shop and somebody has to be settled first."""

    code = "still_owed"


class TargetNotEmptyError(ConflictError):
    """Writing there would overwrite something."""

    code = "target_not_empty"
