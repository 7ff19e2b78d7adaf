"""A shop for tests: the protocol on a loopback port, signed with the real drm.

It is a fake at the edge that the seeder talks to; what a test wants to go wrong is a
switch on it. Every request must carry a good proof, or the test fails by a 401.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from drm.encoding import b64u, from_b64u
from drm.errors import DrmError
from drm.issuer import sign_issuer_certificate
from drm.keys import ContentKey, IdentityKey, SealingPublicKey, verify_sealing_key
from drm.licence import DeviceKeys, issue_licence
from drm.manifest import FileEntry, Manifest, package_id, sign_manifest
from drm.package import make_manifest, seal_files
from drm.proof import Proof, verify_proof
from drm.rights import Rights
from seeder.torrents import build_metainfo, with_announce
from tests.seeder.lease_desk import LeaseDesk
from tests.seeder.signed_words import SignedWords, asker
from tests.seeder.swarm_routes import swarm_routes
from tests.swarm.swarm_desk import SwarmDesk

PIECE = 65536
USER_CODE = "BCDF-GHJK"


class _Sink(io.BytesIO):
    """Keeps its bytes when it is closed."""

    def close(self) -> None:
        pass


@dataclass
class FakePackage:
    id: str
    title: str
    manifest_jws: bytes
    manifest: Manifest
    key: ContentKey
    entries: tuple[FileEntry, ...]
    plain: tuple[bytes, ...]
    sealed: tuple[bytes, ...]
    metainfo: bytes
    listing: str
    may_save: bool = False
    state: str = "active"  # what the library says, unsigned
    status: str = "active"  # what the shop signs
    message: str = ""
    sequence: int = 1
    purchase: int = 1  # each has a licence of its own
    rights: Rights | None = None
    kind: str = "purchase"

    @property
    def licence_id(self) -> str:
        return f"licence-{self.purchase}-{self.id[:8]}"

    def write(self, folder: Path) -> None:
        """Put the ciphertext where a download would have put it."""
        folder.mkdir(parents=True, exist_ok=True)
        for index, data in enumerate(self.sealed):
            (folder / f"{index:05d}").write_bytes(data)


@dataclass
class FakeShop(SignedWords):
    site: str = ""
    name: str = "Test Shop"
    root: IdentityKey = field(default_factory=IdentityKey.generate)
    issuer: IdentityKey = field(default_factory=IdentityKey.generate)
    packages: dict[str, FakePackage] = field(default_factory=dict)
    devices: dict[str, DeviceKeys] = field(default_factory=dict)
    device_names: dict[str, str] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)  # token → thumbprint
    refresh: dict[str, str] = field(default_factory=dict)
    token_answers: list[str] = field(default_factory=list)  # errors before tokens come
    removed: set[str] = field(default_factory=set)
    squatter: Callable[[Request], Response | None] | None = None  # answers in the API's place
    failing: list[int] = field(default_factory=list)  # statuses for the next API calls
    calls: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    progress: list[dict[str, Any]] = field(default_factory=list)
    licence_for: str | None = None  # thumbprint that licences are made for instead
    clock_ahead: timedelta = timedelta(0)
    origin: tuple[str, int] | None = None  # where the tracker says that the peers are
    announces: list[str] = field(default_factory=list)
    sockets: list[WebSocket] = field(default_factory=list)
    interval: int = 1
    document: dict[str, Any] = field(default_factory=dict)  # what the shop document says instead
    expires: datetime | None = None
    leases: LeaseDesk = field(default_factory=LeaseDesk)
    swarms: SwarmDesk = field(default_factory=SwarmDesk)
    certificate_from: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    certificate_to: datetime = datetime(2040, 1, 1, tzinfo=UTC)
    _pending: dict[str, str] = field(default_factory=dict)
    _serial: int = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def certificate(self) -> str:
        return sign_issuer_certificate(
            root=self.root,
            issuer_public=self.issuer.public,
            not_before=self.certificate_from,
            not_after=self.certificate_to,
        )

    def add(
        self,
        title: str,
        files: Sequence[tuple[str, str, bytes]],
        *,
        may_save: bool = False,
        follows: FakePackage | None = None,  # the version of the listing before it
    ) -> FakePackage:
        """Seal (name, media type, bytes) and put it into the buyer's library."""
        entries = [
            (FileEntry(name=name, media_type=kind, size=len(data), index=i), io.BytesIO(data))
            for i, (name, kind, data) in enumerate(files)
        ]
        sinks = [_Sink() for _ in files]
        key = ContentKey.generate()
        sealed = seal_files(entries, lambda index: sinks[index], key=key, piece_length=PIECE)
        manifest = make_manifest(sealed, version=follows.manifest.version + 1 if follows else 1)
        jws = sign_manifest(manifest, issuer=self.issuer)
        package = package_id(jws)
        metainfo = build_metainfo(
            name=package,
            files=[(f.size, f.root) for f in sealed.files],
            piece_layers=sealed.piece_layers,
            piece_length=PIECE,
        )
        made = FakePackage(
            id=package,
            title=title,
            manifest_jws=jws,
            manifest=manifest,
            key=key,
            entries=sealed.entries,
            plain=tuple(data for _, _, data in files),
            sealed=tuple(sink.getvalue() for sink in sinks),
            metainfo=metainfo,
            may_save=may_save,
            listing=follows.listing if follows else f"00000000-0000-4000-8000-{package[:12]}",
        )
        self.packages[package] = made
        return made

    def make_licence(self, package: FakePackage, device: DeviceKeys, **changes: Any) -> str:
        arguments: dict[str, Any] = {
            "issuer": self.issuer,
            "kid": self.issuer.public.thumbprint,
            "licence_id": package.licence_id,
            "issuer_name": self.name,
            "device": device,
            "subject": "someone",
            "package_id": package.id,
            "manifest": package.manifest,
            "version": package.manifest.version,
            "rights": package.rights or Rights(play=True, save=package.may_save),
            "key": package.key,
            "now": self.now(),
            "expires": self.expires,
        }
        return issue_licence(**{**arguments, **changes})

    # The protocol -----------------------------------------------------------

    def app(self) -> ASGIApp:
        routes = self._routes()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            squat = None
            if scope["type"] == "http" and scope["path"].startswith("/api/v1/"):
                squat = self.squatter and self.squatter(Request(scope))
            await (squat or routes)(scope, receive, send)

        return app

    def _routes(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/geobuk.json", self._shop_document),
                Route("/oauth/device", self._device, methods=["POST"]),
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/api/v1/me", self._me),
                Route("/api/v1/device", self._forget, methods=["DELETE"]),
                Route("/api/v1/device/status", self._device_status),
                Route("/api/v1/devices", self._devices),
                Route("/api/v1/devices/{device}", self._remove, methods=["DELETE"]),
                Route("/api/v1/library", self._library),
                Route("/api/v1/packages/{package}/manifest", self._manifest),
                Route("/api/v1/packages/{package}/torrent", self._torrent),
                Route("/api/v1/packages/{package}/licence", self._licence, methods=["POST"]),
                Route("/api/v1/licences/{licence}/status", self._status),
                Route("/api/v1/licences/{licence}/lease", self._lease, methods=["POST"]),
                Route("/api/v1/progress", self._progress, methods=["PUT"]),
                *swarm_routes(self.swarms, self._refusal, self._owner),
                Route("/announce/{token}", self._announce),
                WebSocketRoute("/ws/seeder/", self._socket),
            ]
        )

    async def _shop_document(self, _request: Request) -> Response:
        self.calls.append("GET /.well-known/geobuk.json")
        document = {
            "name": self.name,
            "root_key": b64u(self.root.public.to_bytes()),
            "issuers": [self.certificate()],
            "api": f"{self.site}/api/v1",
            "device_authorization_endpoint": f"{self.site}/oauth/device",
            "token_endpoint": f"{self.site}/oauth/token",
            "client_id": "geobuk-seeder",
            "websocket": self.site.replace("http", "ws", 1) + "/ws/seeder/",
        }
        return JSONResponse(document | self.document)

    def _proof(self, request: Request | WebSocket, token: str | None = None) -> Proof:
        method = "GET" if isinstance(request, WebSocket) else request.method
        url = f"{self.site}{request.url.path}"
        proof = verify_proof(
            request.headers["dpop"], method=method, url=url, now=self.now(), access_token=token
        )
        if proof.jti in self.seen:
            raise DrmError("The proof came before.")
        self.seen.add(proof.jti)
        return proof

    async def _device(self, request: Request) -> Response:
        self.calls.append("POST /oauth/device")
        form = dict(parse_qsl((await request.body()).decode()))
        proof = self._proof(request)
        public = SealingPublicKey.from_bytes(
            from_b64u(form["sealing_key"]), suite=form["sealing_suite"]
        )
        signature = from_b64u(form["sealing_key_signature"])
        verify_sealing_key(proof.identity_public, public, signature)
        self.devices[proof.thumbprint] = DeviceKeys(
            identity_public=proof.identity_public, sealing_public=public
        )
        self.device_names[proof.thumbprint] = form["device_name"]
        code = f"device-code-{len(self._pending)}"
        self._pending[code] = proof.thumbprint
        return JSONResponse(
            {
                "device_code": code,
                "user_code": USER_CODE,
                "verification_uri": f"{self.site}/device/",
                "expires_in": 600,
                "interval": self.interval,
            }
        )

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.calls.append(f"POST /oauth/token {form['grant_type']}")
        proof = self._proof(request)
        if form["grant_type"] == "refresh_token":
            thumbprint = self.refresh.pop(form["refresh_token"], None)
            if thumbprint != proof.thumbprint:
                return _oauth("invalid_grant")
            return self._tokens(thumbprint)
        if self.token_answers:
            return _oauth(self.token_answers.pop(0))
        assert self._pending[form["device_code"]] == proof.thumbprint
        return self._tokens(proof.thumbprint)

    def _tokens(self, thumbprint: str) -> Response:
        self._serial += 1
        access, refresh = f"access-{self._serial}", f"refresh-{self._serial}"
        self.access[access], self.refresh[refresh] = thumbprint, thumbprint
        return JSONResponse(
            {
                "access_token": access,
                "token_type": "DPoP",
                "expires_in": 3600,
                "refresh_token": refresh,
            }
        )

    def _refusal(
        self, request: Request | WebSocket, *, proof_is_enough: bool = False
    ) -> Response | None:
        """The 401 or the failure that a call gets, or None where it is good."""
        if isinstance(request, Request):
            self.calls.append(f"{request.method} {request.url.path}")
            if self.failing:
                status = self.failing.pop(0)
                if status:
                    return _error(status, "trouble", "The shop has trouble.")
        if proof_is_enough and "authorization" not in request.headers:
            try:
                known = self._proof(request).thumbprint in self.devices
            except DrmError as error:
                return _error(401, "invalid_proof", str(error))
            return None if known else _error(401, "invalid_proof", "An unknown key.")
        token = request.headers.get("authorization", "").removeprefix("DPoP ")
        if token not in self.access:
            return _error(401, "invalid_token", "The token is not known.")
        try:
            proof = self._proof(request, token)
        except DrmError as error:
            return _error(401, "invalid_proof", str(error))
        if proof.thumbprint != self.access[token]:
            return _error(401, "invalid_proof", "Another key.")
        if proof.thumbprint in self.removed:
            return _error(401, "device_removed", "The device was removed.")
        return None

    def _owner(self, request: Request | WebSocket) -> str:
        return self.access[request.headers["authorization"].removeprefix("DPoP ")]

    async def _me(self, request: Request) -> Response:
        refusal = self._refusal(request)
        thumbprint = "" if refusal else self._owner(request)
        user = {"email": "buyer@example.org", "name": "Buyer"}
        return refusal or JSONResponse({"user": user, "device": {"thumbprint": thumbprint}})

    async def _forget(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.removed.add(self._owner(request))
        return Response(status_code=204)

    async def _devices(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        listed = [
            {
                "id": f"{number:08d}-0000-4000-8000-000000000000",
                "name": self.device_names[thumbprint],
                "thumbprint": thumbprint,
                "registered_at": "2026-11-24T07:00:00Z",
                "last_seen_at": None,
                "current": thumbprint == self._owner(request),
            }
            for number, thumbprint in enumerate(self.devices)
            if thumbprint not in self.removed
        ]
        return JSONResponse({"devices": listed, "limit": 5, "new_keys_left": 7})

    async def _remove(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        number = int(request.path_params["device"][:8])
        self.removed.add(list(self.devices)[number])
        return Response(status_code=204)

    async def _library(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        return JSONResponse({"items": [self.item(p) for p in self.packages.values()]})

    def item(self, package: FakePackage) -> dict[str, Any]:
        return {
            "entitlement": f"entitlement-{package.id[:8]}",
            "listing": package.listing,
            "title": package.title,
            "seller": "Seller",
            "cover_url": "",
            "package": package.id,
            "version": package.manifest.version,
            "state": package.state,
            "may_save": package.may_save,
            "size": sum(map(len, package.plain)),
            "files": [
                {"index": e.index, "name": e.name, "media_type": e.media_type, "size": e.size}
                for e in package.entries
            ],
            "purchased_at": "2026-11-25T00:00:00Z",
            "kind": package.kind,
            "rights": (package.rights or Rights(play=True, save=package.may_save)).to_claims(),
            "expires": self.expires.isoformat() if self.expires else None,
        }

    def _package(self, request: Request) -> FakePackage | None:
        return self.packages.get(request.path_params["package"])

    async def _manifest(self, request: Request) -> Response:
        refusal, package = self._refusal(request), self._package(request)
        if refusal or package is None:
            return refusal or _error(404, "not_found", "There is no such package.")
        return PlainTextResponse(package.manifest_jws)

    async def _torrent(self, request: Request) -> Response:
        refusal, package = self._refusal(request), self._package(request)
        if refusal or package is None:
            return refusal or _error(404, "not_found", "There is no such package.")
        if self.swarms.closed(package.id):
            return Response(package.metainfo)
        url = f"{self.site}/announce/{self._owner(request)}"
        return Response(with_announce(package.metainfo, url))

    async def _licence(self, request: Request) -> Response:
        refusal, package = self._refusal(request), self._package(request)
        if refusal or package is None:
            return refusal or _error(404, "not_found", "There is no such package.")
        if package.state != "active":
            return _error(404, "not_found", "There is no such package in your library.")
        device = self.devices[self.licence_for or self._owner(request)]
        licence_id = package.licence_id
        licence = self.make_licence(package, device)
        if package.rights is not None:
            thumbprint = device.identity_public.thumbprint
            licence = self.leases.issued(licence_id, thumbprint, licence)
        return JSONResponse({"licence": licence, "id": licence_id})

    async def _lease(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        licence = request.path_params["licence"]
        package = next((p for p in self.packages.values() if p.licence_id == licence), None)
        if package is None or package.state != "active" or package.rights is None:
            return _error(404, "licence_not_found", "There is no such licence.")
        lease = self.leases.lease(
            await request.json(),
            licence_id=licence,
            device=self.devices[self._owner(request)],
            rights=package.rights,
            key=package.key,
            issuer=self.issuer,
            now=self.now(),
        )
        return JSONResponse({"lease": lease})

    async def _status(self, request: Request) -> Response:
        if refusal := self._refusal(request, proof_is_enough=True):
            return refusal
        licence = request.path_params["licence"]
        package = next((p for p in self.packages.values() if p.licence_id == licence), None)
        if package is None:
            return _error(404, "licence_not_found", "There is no such licence.")
        return JSONResponse({"status": self.word_on(package, nonce=request.query_params["nonce"])})

    async def _device_status(self, request: Request) -> Response:
        if refusal := self._refusal(request, proof_is_enough=True):
            return refusal
        thumbprint, nonce = asker(request.headers["dpop"]), request.query_params["nonce"]
        removed = thumbprint in self.removed
        word = self.word_on_device(thumbprint, nonce=nonce, removed=removed)
        return JSONResponse({"status": word})

    async def _progress(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.progress.extend((await request.json())["items"])
        return Response(status_code=204)

    async def _announce(self, request: Request) -> Response:
        self.announces.append(request.path_params["token"])
        peers = b""
        if self.origin is not None:
            peers = socket.inet_aton(self.origin[0]) + self.origin[1].to_bytes(2, "big")
        return Response(b"d8:intervali30e5:peers%d:%se" % (len(peers), peers))

    async def _socket(self, socket: WebSocket) -> None:
        if self._refusal(socket) is not None:
            await socket.close(4401)
            return
        await socket.accept()
        self.calls.append("WS /ws/seeder/")
        self.sockets.append(socket)
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self.sockets.remove(socket)


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)


def _oauth(code: str) -> Response:
    return JSONResponse({"error": code, "error_description": f"({code})"}, 400)


class Running:
    """A shop on a port. `stop` makes it unreachable; `tell` sends an event to its sockets."""

    def __init__(self, shop: FakeShop, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        shop.site = f"http://127.0.0.1:{self.port}"
        self._shop = shop
        config = uvicorn.Config(
            shop.app(),
            lifespan="off",
            log_config=None,
            log_level="critical",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline, "the fake shop did not start"
            time.sleep(0.01)

    def tell(self, kind: str, **payload: Any) -> None:
        import asyncio

        loop = self._server.servers[0].get_loop()
        for one in list(self._shop.sockets):
            message = {"kind": kind, **payload}
            asyncio.run_coroutine_threadsafe(one.send_json(message), loop).result(5)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()


@contextmanager
def run_shop(shop: FakeShop) -> Iterator[Running]:
    running = Running(shop)
    try:
        yield running
    finally:
        running.stop()
