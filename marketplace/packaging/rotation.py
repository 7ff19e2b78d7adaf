"""Another master key in the place of the present one, while the shop goes on.

1. The new key goes into the key file before the old one: from here on it wraps, and both open.
2. Every row is wrapped anew, a few in each transaction.
3. When every row opens with the new key, the old one leaves the file.

Before and after each step every row opens with a key in the file, so the work may be
killed anywhere and run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from drm.custody import MasterKey, unwrap_key, unwrap_seed, wrap_key, wrap_seed
from drm.errors import KeyMismatchError
from marketplace.core.filelock import LockHeldError, hold
from marketplace.core.keyfile import replace_secret
from marketplace.packaging.custody import (
    Row,
    Wrapped,
    hold_custody,
    keys_come_from_the_environment,
    master_key_path,
    master_keys,
    open_content_key,
    open_identity,
)
from marketplace.packaging.errors import CustodyError, NoIssuerError
from marketplace.packaging.models import ContentKey, Deposit, SigningKey
from marketplace.packaging.signing import issuer

__all__ = ["finish_rotation", "rotate_master_key"]

BATCH = 100  # rows in one transaction: others wait for no more than these
Say = Callable[[str], object]


def rotate_master_key(*, say: Say, batch: int = BATCH) -> None:
    """Bring in a new master key, or go on with one brought in, and wrap every row under it.

    The old key stays in the file until `finish_rotation`. Keys of the environment are
    changed by the operator, who is told how. Raises CustodyError where a row opens with
    no key, or another rotation runs.
    """
    _begin_custody()
    with _alone():
        keys = master_keys()
        if len(keys) == 1 and keys_come_from_the_environment():
            raise CustodyError(
                _(
                    "The master key comes from GEOBUK_MASTER_KEY, which this command cannot change."
                    " Make a key with `openssl rand -hex 32`, set OLD,NEW for every process and"
                    " restart them, then set NEW,OLD and restart them, and run this again."
                )
            )
        if len(keys) == 1:
            keys = (MasterKey.generate(), *keys)
            _write(keys)
            say(_("The new master key %(name)s wraps from now on.") % {"name": keys[0].fingerprint})
        else:
            say(_("Going on towards master key %(name)s.") % {"name": keys[0].fingerprint})
        _wrap_all(keys[0], say=say, batch=batch)


def finish_rotation(*, say: Say, batch: int = BATCH) -> None:
    """Drop the old keys, once every row was opened with the new one. Raises CustodyError."""
    _begin_custody()
    with _alone():
        keys = master_keys()
        if len(keys) == 1:
            say(_("There is one master key, and nothing to drop."))
            return
        _wrap_all(keys[0], say=say, batch=batch)
        say(_("Opening every row with the new key."))
        _require_all_open(keys[0])
        with transaction.atomic():
            # Nobody wraps while this is held, and who wrapped before is seen here.
            hold_custody()
            if any(_kept(m).exclude(master=keys[0].fingerprint).exists() for m in _models()):
                raise CustodyError(
                    _("A key came in under the old master key meanwhile. Run this again.")
                )
            if keys_come_from_the_environment():
                say(_("Every row is done: set GEOBUK_MASTER_KEY to its first key alone."))
                return
            say(_("Dropping the old key."))
            _write(keys[:1])
    say(_("The old key is gone from the key file; older backups still hold it."))


def _begin_custody() -> None:
    # With a root there is a row that whoever wraps a key has to wait for.
    with suppress(NoIssuerError):
        issuer()


def _models() -> tuple[type[Row], ...]:
    """The tables in custody, also those of apps above this one."""
    return (ContentKey, SigningKey, *Deposit.__subclasses__())


def _kept(model: type[Row]) -> QuerySet[Any]:
    """The rows that keep a secret: of an offline root only the public part is here."""
    if model is SigningKey:
        return SigningKey.objects.filter(has_private=True)
    return model.objects.all()


@contextmanager
def _alone() -> Iterator[None]:
    try:
        with hold(master_key_path().with_name("rotation.lock")):
            yield
    except LockHeldError:
        raise CustodyError(
            _("Another rotation runs already. Wait for it, or stop it and run this again.")
        ) from None


def _write(keys: Sequence[MasterKey]) -> None:
    replace_secret(master_key_path(), "\n".join(key.to_bytes().hex() for key in keys))


def _wrap_all(master: MasterKey, *, say: Say, batch: int) -> None:
    """Wrap anew what is under another key. Raises CustodyError at a row that opens with none."""
    for model in _models():
        waiting = _kept(model).exclude(master=master.fingerprint).order_by("pk")
        names: list[Any] = list(waiting.values_list("pk", flat=True))
        for start in range(0, len(names), batch):
            with transaction.atomic():
                rows = waiting.select_for_update().filter(pk__in=names[start : start + batch])
                for row in rows:
                    row.wrapped, row.master = _wrapped_anew(row, master)
                    row.save(update_fields=["wrapped", "master"])
            done = min(start + batch, len(names))
            say(f"{model.__name__}: {done}/{len(names)}")


def _wrapped_anew(row: Row, master: MasterKey) -> Wrapped:
    kept, context = Wrapped(bytes(row.wrapped), row.master), _context(row)
    try:
        if isinstance(row, ContentKey):
            content_key = open_content_key(kept, seal_id=context)
            new = wrap_key(content_key, master=master, context=context.encode())
        else:
            seed = open_identity(kept, kid=context).to_bytes()
            new = wrap_seed(seed, master=master, context=context.encode())
    except CustodyError:
        raise _unopened(row) from None
    return Wrapped(new, master.fingerprint)


def _require_all_open(master: MasterKey) -> None:
    for model in _models():
        for row in _kept(model).order_by("pk").iterator():
            unwrap = unwrap_key if isinstance(row, ContentKey) else unwrap_seed
            try:
                unwrap(bytes(row.wrapped), master=master, context=_context(row).encode())
            except KeyMismatchError:
                raise _unopened(row) from None


def _context(row: Row) -> str:
    if isinstance(row, Deposit):
        return row.custody_context
    return row.package.seal_id if isinstance(row, ContentKey) else row.kid


def _unopened(row: Row) -> CustodyError:
    return CustodyError(
        _("The %(row)s opens with no master key that is there. Restore that row from a backup.")
        % {"row": row}
    )
