"""What the seeder sends, from real keys and real proofs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client
from django.utils import timezone

from drm.encoding import b64u
from drm.keys import IdentityKey, SealingKey, sign_sealing_key
from drm.proof import create_proof
from drm.receipts import Count, Link, sign_receipts
from marketplace.accounts import services
from marketplace.accounts.models import Device, User

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
FORM = "application/x-www-form-urlencoded"


class FakeSeeder:
    def __init__(self, name: str = "Ada’s desk", *, suite: str = "X25519") -> None:
        self.identity = IdentityKey.generate()
        self.sealing = SealingKey.generate(suite)
        self.name = name
        self.client = Client()
        self.device_code = ""
        self.access_token = ""
        self.refresh_token = ""
        self.surrender = ""  # the word that it would give for a handover

    def post(
        self,
        path: str,
        fields: dict[str, Any],
        *,
        proof: str | None = None,
        key: IdentityKey | None = None,
    ) -> Any:
        if proof is None:
            proof = self.proof("POST", path, key=key)
        return self.client.post(
            path, urlencode(fields, doseq=True), content_type=FORM, headers={"DPoP": proof}
        )

    def proof(
        self, method: str, path: str, *, token: str | None = None, key: IdentityKey | None = None
    ) -> str:
        return create_proof(
            key or self.identity,
            method=method,
            url=f"{settings.SITE_URL}{path}",
            now=timezone.now(),
            access_token=token,
        )

    def receipts(
        self,
        *,
        receipts: Sequence[Count] = (),
        claims: Sequence[Count] = (),
        head: Link | None = None,
        chain: str = "A" * 22,
    ) -> str:
        """What it got and sent, signed, as the document after `head`."""
        return sign_receipts(
            identity=self.identity,
            chain=chain,
            head=head,
            receipts=receipts,
            claims=claims,
            now=timezone.now(),
        )

    def fields(self, **changes: str) -> dict[str, str]:
        return {
            "client_id": "geobuk-seeder",
            "scope": "seeder",
            "device_name": self.name,
            "sealing_suite": self.sealing.suite,
            "sealing_key": b64u(self.sealing.public.to_bytes()),
            "sealing_key_signature": b64u(sign_sealing_key(self.identity, self.sealing.public)),
            **changes,
        }

    def begin(self) -> dict[str, Any]:
        answer = self.post("/oauth/device", self.fields())
        assert answer.status_code == 200, answer.content
        codes: dict[str, Any] = answer.json()
        self.device_code = codes["device_code"]
        return codes

    def poll(self, **more: Any) -> Any:
        fields = {
            "client_id": "geobuk-seeder",
            "grant_type": DEVICE_CODE,
            "device_code": self.device_code,
        }
        return self._keep(self.post("/oauth/token", fields, **more))

    def refresh(self, token: str | None = None, **more: Any) -> Any:
        fields = {
            "client_id": "geobuk-seeder",
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token if token is None else token,
        }
        return self._keep(self.post("/oauth/token", fields, **more))

    def log_in(self, user: User) -> Device:
        """The whole login, with the approval made where the page makes it."""
        codes = self.begin()
        now = timezone.now()
        grant = services.find_grant(user_code=codes["user_code"], now=now)
        services.decide_device_login(grant_id=grant.pk, user=user, approve=True, now=now)
        answer = self.poll()
        assert answer.status_code == 200, answer.content
        return Device.objects.get(user=user, thumbprint=self.identity.public.thumbprint)

    def call(self, path: str = "/api/v1/me", **changes: Any) -> tuple[User, Device]:
        """A call of the API, as the API's own edge passes it on."""
        method = changes.pop("method", "GET")
        key = changes.pop("key", None)
        token = changes.pop("token", self.access_token)
        arguments = {
            "authorization": f"DPoP {token}",
            "proof": self.proof(method, path, token=token, key=key),
            "method": method,
            "url": path,
            "now": timezone.now(),
            "address": "203.0.113.7",
            **changes,
        }
        return services.authenticate_seeder(**arguments)

    def _keep(self, answer: Any) -> Any:
        if answer.status_code == 200:
            pair = answer.json()
            self.access_token, self.refresh_token = pair["access_token"], pair["refresh_token"]
        return answer


def refusal(answer: Any, status: int = 400) -> str:
    """The `error` of an answer in the shape of RFC 6749, section 5.2."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert set(body) == {"error", "error_description"}
    assert body["error_description"].endswith((".", "."))
    assert answer["Cache-Control"] == "no-store"
    return str(body["error"])
