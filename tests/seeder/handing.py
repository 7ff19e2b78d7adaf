"""A shop whose owner hands things over: it asks for licences, and takes words for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from drm.encoding import b64u
from drm.keys import IdentityKey
from drm.surrender import sign_surrender_request, verify_surrender
from tests.seeder.shop import FakePackage, FakeShop
from tests.seeder.signed_words import asker

__all__ = ["HandingShop"]

HASH = b64u(bytes(32))


@dataclass
class HandingShop(FakeShop):
    """`asked` waits for this device; `words` came back."""

    asked: dict[str, tuple[FakePackage, str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # statuses instead of taking a word
    signer: IdentityKey | None = None  # who signs the requests instead of the issuer
    backdated: timedelta = timedelta(0)  # how long ago they claim to be signed
    nonce: str = ""  # what they are signed over instead of the question

    def ask_for(self, package: FakePackage, kind: str = "transfer", handover: str = "h-1") -> None:
        self.asked[handover] = (package, kind)

    def _routes(self) -> Starlette:
        app = super()._routes()
        app.router.routes += [
            Route("/api/v1/handovers", self._handovers),
            Route("/api/v1/handovers/{handover}/surrender", self._surrender, methods=["POST"]),
        ]
        return app

    async def _handovers(self, request: Request) -> Response:
        if refusal := self._refusal(request, proof_is_enough=True):
            return refusal
        thumbprint = asker(request.headers["dpop"])
        signer = self.signer or self.issuer
        listed = [
            {
                "id": handover,
                "kind": kind,
                "package": package.id,
                "licence": package.licence_id,
                "request": sign_surrender_request(
                    issuer=signer,
                    kid=self.issuer.public.thumbprint,
                    handover_id=handover,
                    kind=kind,
                    package_id=package.id,
                    licence_id=package.licence_id,
                    licence_hash=HASH,
                    device=thumbprint,
                    now=self.now() - self.backdated,
                    nonce=self.nonce or request.query_params["nonce"],
                ),
            }
            for handover, (package, kind) in self.asked.items()
        ]
        return JSONResponse({"handovers": listed})

    async def _surrender(self, request: Request) -> Response:
        if refusal := self._refusal(request, proof_is_enough=True):
            return refusal
        if self.answers and (status := self.answers.pop(0)):
            code = "handover_closed" if status == 409 else "trouble"
            return JSONResponse({"code": code, "message": "A sentence."}, status)
        word = (await request.json())["surrender"]
        device = self.devices[asker(request.headers["dpop"])]
        said = verify_surrender(word, identity_public=device.identity_public)
        self.words.append(word)
        package, _kind = self.asked.pop(request.path_params["handover"])
        assert (said.licence_id, said.licence_hash) == (package.licence_id, HASH)
        package.status, package.message = "revoked", "You have lent this."
        package.sequence += 1
        package.state = "lent"
        return JSONResponse({"state": "lent"})
