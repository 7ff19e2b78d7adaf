"""A root key in a file: under a passphrase, for its owner alone, never written over.

Beside it lies `<file>.signed`, a line for each signing: so that the machine of the root
notices when a shop asks again for what was signed, or has lost a part of its log.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from drm.audit import verify_checkpoint
from drm.encoding import b64u, from_b64u, member, parse_object
from drm.errors import AuthenticationError, DrmError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.passphrase import open_box, seal_box
from marketplace.packaging.ceremony import Answer, Request
from marketplace.packaging.errors import RootRefusedError

__all__ = [
    "doubts_about",
    "make_root",
    "read_root",
    "remember_signing",
    "root_of_file",
    "write_root",
]

KIND: Final = "geobuk root key"
CONTEXT: Final = b"geobuk-root-key-v1"


def write_root(path: Path, key: IdentityKey, *, passphrase: str) -> None:
    """Write the root key into the new file `path`, and open it again to be sure.

    Raises RootRefusedError for a short passphrase, and where there is a file.
    """
    public = b64u(key.public.to_bytes())
    try:
        box = seal_box(passphrase, key.to_bytes(), context=CONTEXT + key.public.to_bytes())
    except DrmError as error:
        raise RootRefusedError(str(error)) from None
    text = json.dumps({"kind": KIND, "v": 1, "public": public, "box": b64u(box)}, indent=1) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RootRefusedError(
            f"{path} exists already, and a root key is never written over. Name a new file."
        ) from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if read_root(path, passphrase=passphrase) != key:
        raise RootRefusedError(f"{path} does not hold what was written. Use another disk.")


def make_root(path: Path, *, passphrase: str) -> IdentityPublicKey:
    """A new root key in a new file. Raises RootRefusedError."""
    key = IdentityKey.generate()
    write_root(path, key, passphrase=passphrase)
    return key.public


def read_root(path: Path, *, passphrase: str) -> IdentityKey:
    """Open the file. Raises RootRefusedError where it is none, or the passphrase is another."""
    value, public = _parse(path)
    try:
        box = from_b64u(value.get("box"))
        key = IdentityKey(open_box(passphrase, box, context=CONTEXT + public.to_bytes()))
    except AuthenticationError:
        raise RootRefusedError(
            f"The passphrase does not open {path}, or the file was changed. Try again."
        ) from None
    except DrmError as error:
        raise _damaged(path) from error
    if key.public != public:
        raise _damaged(path)
    return key


def root_of_file(path: Path) -> IdentityPublicKey:
    """The public key that the file names; no passphrase is needed. Raises RootRefusedError."""
    return _parse(path)[1]


def doubts_about(path: Path, request: Request) -> list[str]:
    """What speaks against signing, by what was signed with this file before; a line each."""
    found = []
    last = _last(path)
    if last is not None and request.sequence <= last["sequence"]:
        found.append(
            f"Keyring number {last['sequence']} was signed here on {last['day']} already: the shop "
            "never took it in, or came back from a backup."
        )
    seen = _checkpoint_size(path, last)
    asked = request.log.size if request.log is not None else 0
    if seen > asked:
        found.append(
            f"The log had {seen} entries when this root signed it on {(last or {})['day']}, and now "
            f"has {asked}: the shop has lost some, or hides them."
        )
    elif seen and last is not None and not _same_log(path, request.checkpoint, last["checkpoint"]):
        found.append(
            "The shop does not show that its log continues the checkpoint that was signed here "
            f"on {last['day']}."
        )
    return found


def numbered(path: Path, request: Request) -> Request:
    """The request, its keyring numbered above every one that was signed with this file.

    A shop that came back from a backup counts from an older number, which seeders refuse.
    """
    last = _last(path)
    return (
        request
        if last is None
        else replace(request, sequence=max(request.sequence, last["sequence"] + 1))
    )


def remember_signing(path: Path, *, request: Request, answer: Answer, now: dt.datetime) -> None:
    """Note beside the file what was signed."""
    line = {
        "day": now.astimezone(dt.UTC).date().isoformat(),
        "shop": request.shop,
        "sequence": request.sequence,
        "checkpoint": answer.checkpoint,
        "root_key": answer.root_key,
    }
    descriptor = os.open(_history(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(json.dumps(line) + "\n")


def _last(path: Path) -> dict[str, Any] | None:
    try:
        lines = _history(path).read_bytes().splitlines()
    except FileNotFoundError:
        return None
    try:
        last = parse_object(lines[-1])
        for name, kind in (("day", str), ("checkpoint", str), ("sequence", int)):
            member(last, name, kind)
    except (DrmError, IndexError) as error:
        raise RootRefusedError(
            f"{_history(path)} is damaged. Put a copy of it back, or move it away."
        ) from error
    return last


def _checkpoint_size(path: Path, last: dict[str, Any] | None) -> int:
    if last is None or not last["checkpoint"]:
        return 0
    try:
        return verify_checkpoint(last["checkpoint"], root_public=root_of_file(path)).tree_size
    except DrmError:
        return 0  # handed over to a new root, whose file has a history of its own


def _same_log(path: Path, one: str, other: str) -> bool:
    """Whether both checkpoints are of one log at one length; it may have been signed twice."""
    root = root_of_file(path)
    try:
        heads = [verify_checkpoint(text, root_public=root) for text in (one, other)]
    except DrmError:
        return False
    return heads[0].tree_size == heads[1].tree_size and heads[0].root == heads[1].root


def _history(path: Path) -> Path:
    return path.with_name(path.name + ".signed")


def _parse(path: Path) -> tuple[dict[str, Any], IdentityPublicKey]:
    try:
        value = parse_object(path.read_bytes())
        if value.get("kind") != KIND or value.get("v") != 1:
            raise _damaged(path)
        return value, IdentityPublicKey.from_bytes(from_b64u(value.get("public")))
    except FileNotFoundError:
        raise RootRefusedError(f"There is no file {path}. Name the file of the root key.") from None
    except DrmError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> RootRefusedError:
    return RootRefusedError(
        f"{path} is no root key of Geobuk, or it is damaged. Take another copy."
    )
