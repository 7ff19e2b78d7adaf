from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError

__all__ = ["BackupBrokenError", "TargetNotEmptyError"]


class BackupBrokenError(InvalidError):
    """What lies there is not a whole backup."""

    code = "backup_broken"


class TargetNotEmptyError(ConflictError):
    """Writing there would overwrite something."""

    code = "target_not_empty"
