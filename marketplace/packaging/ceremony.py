"""The ceremony of an offline root: what a shop asks of it, and what it answers.

Nothing in here needs a database: the machine that holds the root has none.

    shop: request ──file──► offline machine: sign ──file──► shop: accept
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from drm.audit import sign_checkpoint, verify_checkpoint, verify_consistency
from drm.encoding import b64u, from_b64u, member, parse_object, time_from, time_to_claim
from drm.errors import DrmError, FormatError
from drm.issuer import (
    sign_issuer_certificate,
    sign_keyring,
    sign_root_acceptance,
    sign_root_change,
    verify_issuer_certificate,
)
from drm.keys import IdentityKey, IdentityPublicKey
from marketplace.packaging.errors import RootRefusedError

__all__ = ["Answer", "LogState", "Request", "Wanted", "describe_request", "sign_request"]

REQUEST: Final = "geobuk root request"
ANSWER: Final = "geobuk root answer"
VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An issuer key that the root is to certify, and its time."""

    public: IdentityPublicKey
    begins: dt.datetime
    ends: dt.datetime


@dataclass(frozen=True, kw_only=True)
class LogState:
    """The audit log as it is now, and the path that it only grew since the last checkpoint."""

    size: int
    root: bytes
    chain: bytes
    consistency: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """All that the root is to sign at once. It holds no secret."""

    shop: str
    made_at: dt.datetime
    root: str  # thumbprint; "" where the shop has no root yet
    sequence: int  # of the keyring
    change_sequence: int  # of a change of the root, where one is wanted
    certificates: tuple[str, ...]
    retired: Mapping[str, dt.datetime]
    wanted: tuple[Wanted, ...]
    log: LogState | None
    checkpoint: str  # the last one, "" for none

    def to_json(self) -> str:
        """Return the text of the request's file."""
        log = self.log and {
            "size": self.log.size,
            "root": b64u(self.log.root),
            "chain": b64u(self.log.chain),
            "consistency": [b64u(sibling) for sibling in self.log.consistency],
        }
        value = {
            "kind": REQUEST,
            "v": VERSION,
            "shop": self.shop,
            "made_at": time_to_claim(self.made_at),
            "root": self.root,
            "sequence": self.sequence,
            "change_sequence": self.change_sequence,
            "certificates": list(self.certificates),
            "retired": {kid: time_to_claim(at) for kid, at in self.retired.items()},
            "wanted": [
                {
                    "key": wanted.public.jwk(),
                    "nbf": time_to_claim(wanted.begins),
                    "exp": time_to_claim(wanted.ends),
                }
                for wanted in self.wanted
            ],
            "log": log,
            "checkpoint": self.checkpoint,
        }
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a request's file. Raises RootRefusedError."""
        value = _parse(data, REQUEST)
        try:
            retired = member(value, "retired", dict)
            return cls(
                shop=member(value, "shop", str),
                made_at=time_from(value, "made_at"),
                root=member(value, "root", str),
                sequence=member(value, "sequence", int),
                change_sequence=member(value, "change_sequence", int),
                certificates=_texts(value, "certificates"),
                retired={kid: time_from(retired, kid) for kid in retired},
                wanted=tuple(_wanted(entry) for entry in member(value, "wanted", list)),
                log=_log(value.get("log")),
                checkpoint=member(value, "checkpoint", str),
            )
        except DrmError as error:
            raise _unreadable() from error


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the root signed; the shop verifies every part before it keeps any."""

    root_key: str  # base64url: the root from now on
    keyring: str
    checkpoint: str  # "" for none
    change: str  # "" where the root stays

    def to_json(self) -> str:
        """Return the text of the answer's file."""
        value = {
            "kind": ANSWER,
            "v": VERSION,
            "root_key": self.root_key,
            "keyring": self.keyring,
            "checkpoint": self.checkpoint,
            "change": self.change,
        }
        return json.dumps(value, indent=1) + "\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read an answer's file; nothing is verified yet. Raises RootRefusedError."""
        value = _parse(data, ANSWER)
        try:
            return cls(
                root_key=member(value, "root_key", str),
                keyring=member(value, "keyring", str),
                checkpoint=member(value, "checkpoint", str),
                change=member(value, "change", str),
            )
        except DrmError as error:
            raise _unreadable() from error


def describe_request(request: Request, *, root: IdentityPublicKey) -> list[str]:
    """Return in words what a signature would say, a line for each part."""
    lines = [
        f"For the shop {request.shop}, asked on {_day(request.made_at)}.",
        f"By the root {root.thumbprint}.",
    ]
    if not request.root:
        lines.append("This root becomes the root of that shop: it has none yet.")
    lines += [
        f"New issuer key {wanted.public.thumbprint}: "
        f"signs from {_day(wanted.begins)} to {_day(wanted.ends)}."
        for wanted in request.wanted
    ]
    lines += [
        f"Issuer key {kid} is retired since {_day(at)}." for kid, at in request.retired.items()
    ]
    lines.append(
        f"Keyring number {request.sequence}, with {len(request.certificates)} older issuer keys."
    )
    if request.log is not None:
        grown = "It is proved to continue the last checkpoint." if request.checkpoint else ""
        lines.append(f"Checkpoint over the {request.log.size} entries of its log. {grown}".strip())
    return lines


def sign_request(
    request: Request, *, root: IdentityKey, now: dt.datetime, new_root: IdentityKey | None = None
) -> Answer:
    """Sign what the shop asked by `root`; or hand everything over to `new_root`, which then
    certifies every issuer again.

    Raises RootRefusedError where the shop has another root, where a certificate or the last
    checkpoint is not of this root, or the log is no continuation of it.
    """
    if request.root and request.root != root.public.thumbprint:
        raise RootRefusedError(
            f"The request is for the root {request.root}, and this file holds "
            f"{root.public.thumbprint}. Take the file of that root."
        )
    signer = new_root or root
    try:
        certificates = [
            *(_certified(wanted, signer) for wanted in reversed(request.wanted)),
            *(_again(old, root=root, signer=signer) for old in request.certificates),
        ]
        keyring = sign_keyring(
            root=signer,
            sequence=request.sequence,
            issuers=certificates,
            retired=request.retired,
            now=now,
        )
        change = "" if new_root is None else _change(request, root, new_root, now)
        checkpoint = _checkpoint(request, root=root, signer=signer, now=now)
    except DrmError as error:
        raise RootRefusedError(f"The request does not fit this root. {error}") from error
    return Answer(
        root_key=b64u(signer.public.to_bytes()),
        keyring=keyring,
        checkpoint=checkpoint,
        change=change,
    )


def _certified(wanted: Wanted, signer: IdentityKey) -> str:
    return sign_issuer_certificate(
        root=signer,
        issuer_public=wanted.public,
        not_before=wanted.begins,
        not_after=wanted.ends,
    )


def _again(old: str, *, root: IdentityKey, signer: IdentityKey) -> str:
    certificate = verify_issuer_certificate(old, root_public=root.public)
    if signer is root:
        return old
    return sign_issuer_certificate(
        root=signer,
        issuer_public=certificate.public,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )


def _change(request: Request, root: IdentityKey, new_root: IdentityKey, now: dt.datetime) -> str:
    sequence = request.change_sequence
    return sign_root_change(
        root=root,
        new_root=new_root.public,
        acceptance=sign_root_acceptance(new_root, old_root=root.public, sequence=sequence),
        sequence=sequence,
        now=now,
    )


def _checkpoint(
    request: Request, *, root: IdentityKey, signer: IdentityKey, now: dt.datetime
) -> str:
    log = request.log
    if log is None:
        return ""
    if request.checkpoint:
        last = verify_checkpoint(request.checkpoint, root_public=root.public)
        verify_consistency(
            old_size=last.tree_size,
            old_root=last.root,
            new_size=log.size,
            new_root=log.root,
            path=log.consistency,
        )
    return sign_checkpoint(
        shop_root=signer, tree_size=log.size, root=log.root, chain=log.chain, now=now
    )


def _wanted(value: Any) -> Wanted:
    if not isinstance(value, dict):
        raise FormatError("A key of the request is malformed.")
    return Wanted(
        public=IdentityPublicKey.from_jwk(value.get("key")),
        begins=time_from(value, "nbf"),
        ends=time_from(value, "exp"),
    )


def _log(value: Any) -> LogState | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise FormatError("The log of the request is malformed.")
    return LogState(
        size=member(value, "size", int),
        root=from_b64u(value.get("root")),
        chain=from_b64u(value.get("chain")),
        consistency=tuple(from_b64u(sibling) for sibling in _texts(value, "consistency")),
    )


def _texts(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = member(value, name, list)
    if not all(isinstance(text, str) for text in texts):
        raise FormatError("A list holds something that is no text.")
    return tuple(texts)


def _parse(data: bytes, kind: str) -> dict[str, Any]:
    try:
        value = parse_object(data)
    except DrmError as error:
        raise _unreadable() from error
    if value.get("kind") != kind or value.get("v") != VERSION:
        raise RootRefusedError(
            f"This file is no “{kind}” of version {VERSION}. Take the right one."
        )
    return value


def _unreadable() -> RootRefusedError:
    return RootRefusedError(
        "The file cannot be read: it is damaged, or another one. Copy it again."
    )


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).date().isoformat()
