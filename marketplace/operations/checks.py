"""What `manage.py check --deploy` says about the shop's keys."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from marketplace.operations.backup import verified_record
from marketplace.packaging import services as packaging

__all__ = ["master_key_has_a_verified_backup"]


@register(Tags.security, deploy=True)
def master_key_has_a_verified_backup(**_: Any) -> list[CheckMessage]:
    """Without its master key a shop cannot licence what it sold: a lost disk would lock buyers out."""
    record = verified_record()
    if record is None:
        problem = "The master key has no verified backup."
    elif record.get("master_key") != packaging.master_key_fingerprint():
        problem = "The verified backup is of another master key than the one in use."
    else:
        return []
    hint = "Run `manage.py backup FOLDER`, and keep the folder and its passphrase elsewhere."
    return [Error(problem, hint=hint, id="geobuk.E001")]
