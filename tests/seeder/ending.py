"""A shop for tests that prepares its end: unlock documents, a registered paper, shares."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drm.encoding import b64u, from_b64u
from drm.keys import IdentityKey, IdentityPublicKey, SealingPublicKey, verify_sealing_key
from drm.licence import DeviceKeys
from drm.rights import Rights
from drm.shares import split
from drm.unlock import ActivationSecret, UnlockGrant, sign_unlock, write_activation
from tests.seeder.shop import FakeShop

__all__ = ["EndingShop"]


@dataclass
class EndingShop(FakeShop):
    secret: ActivationSecret = field(default_factory=ActivationSecret.generate)
    paper: DeviceKeys | None = None
    documents: int = 0
    signer: IdentityKey | None = None  # signs documents in the issuer's place
    signed_at: datetime | None = None  # and the time that they name instead of now

    def unlock_for(self, recipient: DeviceKeys, **changes: Any) -> str:
        """The unlock document of a device or a paper for every active package."""
        self.documents += 1
        issuer = self.signer or self.issuer
        arguments: dict[str, Any] = {
            "issuer": issuer,
            "kid": issuer.public.thumbprint,
            "document_id": f"document-{self.documents}",
            "issuer_name": self.name,
            "subject": "someone",
            "recipient": recipient,
            "grants": [
                UnlockGrant(
                    package_id=package.id,
                    title=package.title,
                    rights=Rights(play=True, save=package.may_save),
                    manifest=package.manifest,
                    key=package.key,
                )
                for package in self.packages.values()
                if package.state == "active"
            ],
            "secret": self.secret,
            "now": self.signed_at or self.now(),
        }
        return sign_unlock(**(arguments | changes))

    def activation(self, path: Path) -> Path:
        """Write the activation file, as an operator or the trustees would."""
        path.write_bytes(
            write_activation(self.secret, shop=self.name, root_public=self.root.public)
        )
        return path

    def shares(self, folder: Path, *, threshold: int = 2, total: int = 3) -> list[Path]:
        """Write a file for each trustee."""
        folder.mkdir(exist_ok=True)
        paths = []
        for number, jws in enumerate(
            split(
                self.secret,
                threshold=threshold,
                total=total,
                signer=self.issuer,
                kid=self.issuer.public.thumbprint,
                now=self.now(),
            ),
            start=1,
        ):
            document = {
                "kind": "geobuk-trustee-share",
                "v": 1,
                "shop": self.name,
                "site": self.site,
                "root_key": b64u(self.root.public.to_bytes()),
                "issuers": [self.certificate()],
                "share": jws,
            }
            paths.append(folder / f"share-{number}.json")
            paths[-1].write_text(json.dumps(document))
        return paths

    def _routes(self) -> Starlette:
        routes = super()._routes()
        routes.router.routes += [
            Route("/api/v1/unlock", self._unlock),
            Route("/api/v1/recovery-key", self._put_paper, methods=["PUT"]),
            Route("/api/v1/recovery-key", self._delete_paper, methods=["DELETE"]),
        ]
        return routes

    async def _unlock(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        recipients = [self.devices[self._owner(request)], *([self.paper] if self.paper else [])]
        documents = [
            {"recipient": keys.identity_public.thumbprint, "unlock": self.unlock_for(keys)}
            for keys in recipients
        ]
        return JSONResponse({"commitment": b64u(self.secret.commitment), "documents": documents})

    async def _put_paper(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        parts = await request.json()
        identity = IdentityPublicKey(from_b64u(parts["identity_key"]))
        sealing = SealingPublicKey(from_b64u(parts["sealing_key"]), parts["sealing_suite"])
        verify_sealing_key(identity, sealing, from_b64u(parts["sealing_key_signature"]))
        self.paper = DeviceKeys(identity_public=identity, sealing_public=sealing)
        return JSONResponse({"recipient": identity.thumbprint})

    async def _delete_paper(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        known, self.paper = self.paper, None
        if known is None:
            body = {"code": "recovery_key_not_found", "message": "There is nothing here."}
            return JSONResponse(body, status_code=404)
        return Response(status_code=204)
