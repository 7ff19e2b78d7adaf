"""A shop with a keyring, changes of its root, and an audit log that it may rewrite."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drm.audit import (
    CHAIN_START,
    LogProof,
    chain_hash,
    consistency_path,
    inclusion_path,
    leaf_hash,
    sign_checkpoint,
    sign_head,
    tree_root,
)
from drm.encoding import b64u, canonical_json
from drm.issuer import (
    sign_issuer_certificate,
    sign_keyring,
    sign_root_acceptance,
    sign_root_change,
)
from drm.keys import IdentityKey
from drm.signed import document_hash
from tests.seeder.shop import FakeShop, _error

__all__ = ["LogShop"]


@dataclass
class LogShop(FakeShop):
    """What a test wants to go wrong is done to `entries`, `document` and the keys."""

    sequence: int = 1
    former: list[IdentityKey] = field(default_factory=list)  # issuers before the present one
    retired: dict[str, datetime] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    sizes: tuple[int, int] = (0, 0)  # of the head and of the checkpoint
    log_signer: IdentityKey | None = None  # who signs checkpoints instead of the root

    # Keys ---------------------------------------------------------------------

    def certificate_of(self, issuer: IdentityKey) -> str:
        return sign_issuer_certificate(
            root=self.root,
            issuer_public=issuer.public,
            not_before=self.certificate_from,
            not_after=self.certificate_to,
        )

    def keyring(self) -> str:
        return sign_keyring(
            root=self.root,
            sequence=self.sequence,
            issuers=[self.certificate_of(key) for key in (self.issuer, *self.former)],
            retired=self.retired,
            now=self.now(),
        )

    def publish(self, **members: Any) -> None:
        """Show the keys as they are now in the shop document, and whatever a test says."""
        self.document = {"keyring": self.keyring(), "root_changes": self.changes, **members}

    def roll_over(self) -> None:
        """Retire the issuer, and let a new one sign."""
        self.former.append(self.issuer)
        self.retired[self.issuer.public.thumbprint] = self.now()
        self.issuer = IdentityKey.generate()
        self.sequence += 1
        self.publish()

    def change_root(self) -> None:
        """Hand over to a new root, under the signature of the one before."""
        old, new = self.root, IdentityKey.generate()
        number = len(self.changes) + 1
        acceptance = sign_root_acceptance(new, old_root=old.public, sequence=number)
        self.changes.append(
            sign_root_change(
                root=old,
                new_root=new.public,
                acceptance=acceptance,
                sequence=number,
                now=self.now(),
            )
        )
        self.root = new
        self.sequence += 1
        self.publish()

    # The log ------------------------------------------------------------------

    def enter(self, document: str = "") -> None:
        """Append an entry that names a document, and let head and checkpoint cover it."""
        body = {"kind": "licence", "at": len(self.entries), "hash": document_hash(document)}
        self.entries.append(canonical_json(body))
        self.sizes = (len(self.entries), len(self.entries))

    def _head(self, size: int, *, checkpoint: bool = False) -> str:
        chain, leaves = CHAIN_START, self._leaves(size)
        for entry in self.entries[:size]:
            chain = chain_hash(chain, entry)
        root, now = tree_root(leaves), self.now()
        if checkpoint:
            signer = self.log_signer or self.root
            return sign_checkpoint(
                shop_root=signer, tree_size=size, root=root, chain=chain, now=now
            )
        kid = self.issuer.public.thumbprint
        return sign_head(
            issuer=self.issuer, kid=kid, tree_size=size, root=root, chain=chain, now=now
        )

    def _leaves(self, size: int) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries[:size]]

    def _routes(self) -> Starlette:
        app = super()._routes()
        app.router.routes += [
            Route("/api/v1/audit/head", self._audit_head),
            Route("/api/v1/licences/{licence}/proof", self._log_proof),
        ]
        return app

    async def _audit_head(self, request: Request) -> Response:
        head, checkpoint = self.sizes
        since = int(request.query_params.get("from", 0))
        if since > len(self.entries):
            return _error(404, "log_size_unknown", "The log never had that size.")
        path = consistency_path(self._leaves(head), since) if since else None
        under = consistency_path(self._leaves(head), checkpoint) if checkpoint else None
        return JSONResponse(
            {
                "head": self._head(head) if head else None,
                "checkpoint": self._head(checkpoint, checkpoint=True) if checkpoint else None,
                "consistency": None if path is None else [b64u(step) for step in path],
                "checkpoint_consistency": None if under is None else [b64u(s) for s in under],
            }
        )

    async def _log_proof(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        index = len(self.entries) - 1
        if not self.sizes[0]:
            return _error(404, "proof_not_ready", "Ask again tomorrow.")
        found = [
            self._log_proof_under(index, size, number) for number, size in enumerate(self.sizes)
        ]
        return JSONResponse({"proof": found[0], "checkpoint": found[1]})

    def _log_proof_under(self, index: int, size: int, number: int) -> dict[str, Any] | None:
        if size <= index:
            return None
        return LogProof(
            entry=self.entries[index],
            index=index,
            path=inclusion_path(self._leaves(size), index),
            head=self._head(size, checkpoint=number == 1),
        ).to_json()
