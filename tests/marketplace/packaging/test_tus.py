"""The tus protocol as the browser's client sees it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
import os
import unicodedata
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.packaging import files, services, uploads
from marketplace.packaging.errors import UploadNotFoundError
from marketplace.packaging.models import PackageDraft, Upload
from tests.marketplace.packaging.conftest import FLAC
from tests.marketplace.packaging.tus_client import Answer, TusClient, cookie_of, encode_metadata

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tus(seller: User) -> TusClient:
    return TusClient(cookie_of(seller))


async def _upload(path: str) -> Upload:
    return await Upload.objects.select_related("draft").aget(pk=path.rsplit("/", 1)[1])


async def _count() -> int:
    return await Upload.objects.acount()


def _file(upload: Upload) -> Path:
    return files.upload_path(upload.draft_id, upload.pk)


async def test_the_server_says_what_it_speaks() -> None:
    answer = await TusClient(None).ask("OPTIONS", "/uploads/", without=["tus-resumable"])

    assert answer.status == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,termination,checksum,expiration"
    assert answer.headers["tus-max-size"] == str(50 * 1000**3)
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"


async def test_a_file_goes_up_in_pieces_and_is_complete_at_its_last_byte(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, len(FLAC), "노래.flac")
    first = await tus.patch(path, 0, FLAC[:100])
    between = await _upload(path)
    second = await tus.patch(path, 100, FLAC[100:300], FLAC[300:])

    assert first is not None
    assert second is not None
    assert (first.status, first.headers["upload-offset"]) == (204, "100")
    assert (second.status, second.headers["upload-offset"]) == (204, str(len(FLAC)))
    assert (between.received, between.completed_at) == (100, None)
    upload = await _upload(path)
    assert upload.completed_at is not None
    assert (upload.name, upload.media_type, upload.received) == (
        "노래.flac",
        "audio/flac",
        len(FLAC),
    )
    assert _file(upload).read_bytes() == FLAC
    assert _file(upload).stat().st_mode & 0o077 == 0


async def test_a_complete_upload_still_answers_where_it_stands(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, 5)
    await tus.patch(path, 0, b"bytes")

    head = await tus.ask("HEAD", path)
    again = await tus.patch(path, 5)

    assert (head.status, head.headers["upload-offset"], head.headers["upload-length"]) == (
        200,
        "5",
        "5",
    )
    assert head.headers["cache-control"] == "no-store"
    assert "upload-expires" not in head.headers
    assert again is not None
    assert again.status == 204


async def test_what_came_before_a_cut_is_kept(tus: TusClient, draft: PackageDraft) -> None:
    path = await tus.begin(draft.pk, len(FLAC))

    answer = await tus.patch(path, 0, FLAC[:400], cut=True)

    assert answer is None
    assert await tus.offset(path) == 400
    rest = await tus.patch(path, 400, FLAC[400:])
    assert rest is not None
    assert rest.status == 204
    assert _file(await _upload(path)).read_bytes() == FLAC


async def test_bytes_on_disk_count_though_the_server_died_before_it_wrote_that_down(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, len(FLAC))
    file = _file(await _upload(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(FLAC[:7])
    part = await tus.offset(path)
    file.write_bytes(FLAC)
    whole = await tus.offset(path)

    assert (part, whole) == (7, len(FLAC))
    assert (await _upload(path)).completed_at is not None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"without": ["tus-resumable"]}, 412),
        ({"tus_resumable": "0.2.2"}, 412),
        ({"without": ["origin"]}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://127.0.0.1:8000"}, 403),  # this host, but not as the shop is reached
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example", "host": "evil.example"}, 403),
        ({"upload_length": ""}, 400),
        ({"upload_length": "-1"}, 400),
        ({"upload_length": "²"}, 400),
        ({"upload_length": "9" * 19}, 400),
        ({"upload_length": "0"}, 422),
        ({"upload_length": str(50 * 1024**3 + 1)}, 413),
        ({"upload_defer_length": "1"}, 400),
        ({"upload_metadata": "filename ***"}, 400),
        ({"upload_metadata": encode_metadata(filename="a.mp4")}, 400),
        ({"upload_metadata": encode_metadata(filename="a.mp4", draft="../../etc")}, 400),
        ({"upload_metadata": encode_metadata(draft=str(uuid.UUID(int=1)))}, 404),
    ],
)
async def test_an_upload_that_cannot_be_begun_leaves_nothing(
    tus: TusClient, draft: PackageDraft, change: dict[str, Any], status: int
) -> None:
    headers = {
        "upload_length": "10",
        "upload_metadata": encode_metadata(filename="a.mp4", draft=str(draft.pk)),
        **change,
    }

    answer = await tus.ask("POST", "/uploads/", **headers)

    assert answer.status == status
    assert answer.text.endswith(".")
    assert await _count() == 0


async def test_a_refusal_speaks_the_language_of_the_page(
    tus: TusClient, draft: PackageDraft
) -> None:
    answer = await tus.create(draft.pk, 0, "빈.mp4", accept_language="en")

    assert answer.text == "“빈.mp4” is empty. Choose the file again."


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_another_persons_upload_is_not_found(
    tus: TusClient, draft: PackageDraft, stranger: User, method: str
) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")
    thief = TusClient(await sync_to_async(cookie_of)(stranger))

    kind, offset = "application/offset+octet-stream", "3"
    answer = await thief.ask(method, path, body=[b"x"], content_type=kind, upload_offset=offset)

    assert answer.status == 404
    assert await tus.offset(path) == 3


async def test_another_persons_draft_takes_no_files(draft: PackageDraft, stranger: User) -> None:
    thief = TusClient(await sync_to_async(cookie_of)(stranger))

    answer = await thief.create(draft.pk, 10)

    assert answer.status == 404
    assert await _count() == 0


@pytest.mark.parametrize("session", [None, "made-up"])
async def test_who_is_not_logged_in_is_told_so(draft: PackageDraft, session: str | None) -> None:
    answer = await TusClient(session).create(draft.pk, 10)

    assert answer.status == 401
    assert await _count() == 0


async def test_unknown_addresses_and_methods(tus: TusClient, nobody: uuid.UUID) -> None:
    async def status(method: str, path: str) -> int:
        return (await tus.ask(method, path)).status

    assert await status("HEAD", f"/uploads/{nobody}") == 404
    assert await status("HEAD", "/uploads/../../etc/passwd") == 404
    assert await status("GET", f"/uploads/{nobody}") == 405
    assert await status("GET", "/uploads/") == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/octet-stream"}, 415),
        ({"upload_offset": "x"}, 400),
        ({"upload_offset": "0"}, 409),
        ({"upload_offset": "4"}, 409),
        ({"upload_checksum": "md5 aaaa"}, 400),
        ({"upload_checksum": "sha1 ***"}, 400),
        ({"content_length": "8"}, 413),
        ({"origin": "https://evil.example"}, 403),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    tus: TusClient, draft: PackageDraft, headers: dict[str, Any], status: int
) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")

    answer = await tus.patch(path, 3, b"defg", **headers)

    assert answer is not None
    assert answer.status == status
    assert await tus.offset(path) == 3


async def test_a_body_longer_than_the_file_is_refused_whole(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")

    answer = await tus.patch(path, 3, b"defg", b"hijklmnop")

    assert answer is not None
    assert answer.status == 413
    assert await tus.offset(path) == 3


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_piece_with_the_right_checksum_is_kept_and_a_changed_one_is_not(
    tus: TusClient, draft: PackageDraft, algorithm: str
) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")
    digest = base64.b64encode(hashlib.new(algorithm, b"defg").digest()).decode()

    changed = await tus.patch(path, 3, b"defX", upload_checksum=f"{algorithm} {digest}")
    after_changed = await tus.offset(path)
    right = await tus.patch(path, 3, b"de", b"fg", upload_checksum=f"{algorithm} {digest}")

    assert changed is not None
    assert right is not None
    assert (changed.status, after_changed) == (460, 3)
    assert (right.status, await tus.offset(path)) == (204, 7)


async def test_a_piece_that_was_never_verified_does_not_count(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")
    digest = base64.b64encode(hashlib.sha1(b"defg", usedforsecurity=False).digest()).decode()

    await tus.patch(path, 3, b"de", cut=True, upload_checksum=f"sha1 {digest}")
    after_cut = await tus.offset(path)
    with files.UploadFile.hold(_file(await _upload(path))) as file:
        # The server dies here: neither verified nor rolled back.
        file.begin_unverified()
        file.append(b"de")
        while_unverified = files.received_bytes(_file(await _upload(path)))

    assert (after_cut, while_unverified) == (3, 3)
    answer = await tus.patch(path, 3, b"defghij")
    assert answer is not None
    assert answer.status == 204
    assert _file(await _upload(path)).read_bytes() == b"abcdefghij"


async def test_two_connections_never_write_at_once(
    tus: TusClient, draft: PackageDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.packaging.tus.receiving.PATIENCE", 0.1)
    path = await tus.begin(draft.pk, 10)

    with files.UploadFile.hold(_file(await _upload(path))):
        second = await tus.patch(path, 0, b"abc")
    third = await tus.patch(path, 0, b"abc")

    assert second is not None
    assert third is not None
    assert (second.status, third.status) == (423, 204)


async def test_of_two_equal_pieces_at_once_one_is_kept(tus: TusClient, draft: PackageDraft) -> None:
    path = await tus.begin(draft.pk, 6)

    answers = await asyncio.gather(tus.patch(path, 0, b"abc"), tus.patch(path, 0, b"abc"))

    assert sorted(answer.status for answer in answers if answer) == [204, 409]
    assert await tus.offset(path) == 3


async def test_a_connection_that_falls_silent_lets_go(
    tus: TusClient, draft: PackageDraft, monkeypatch: pytest.MonkeyPatch, seller: User
) -> None:
    monkeypatch.setattr("marketplace.packaging.tus.receiving.IDLE", 0.05)
    path = await tus.begin(draft.pk, 10)
    cookie = await sync_to_async(cookie_of)(seller)

    async with _silent_after(path, b"abc", cookie) as answer:
        status = await answer

    assert status == 408
    assert await tus.offset(path) == 3


@contextlib.asynccontextmanager
async def _silent_after(path: str, data: bytes, cookie: str) -> AsyncIterator[asyncio.Future[int]]:
    """A PATCH whose body stops in the middle without an end."""
    from marketplace.packaging.tus import uploads as application

    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    pieces = [data]

    async def receive() -> dict[str, object]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(), "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            status.set_result(int(str(message["status"])))

    headers = {
        "host": "127.0.0.1:8000",
        "origin": "http://127.0.0.1:8000",
        "tus-resumable": "1.0.0",
        "cookie": f"sessionid={cookie}",
        "content-type": "application/offset+octet-stream",
        "upload-offset": "0",
    }
    scope = {
        "type": "http",
        "method": "PATCH",
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }
    task = asyncio.create_task(application(scope, receive, send))
    yield status
    await task


async def test_delete_removes_the_bytes(tus: TusClient, draft: PackageDraft) -> None:
    path = await tus.begin(draft.pk, 10)
    await tus.patch(path, 0, b"abc")
    file = _file(await _upload(path))

    deleted = await tus.ask("DELETE", path)

    assert deleted.status == 204
    assert (await tus.ask("HEAD", path)).status == 404
    assert (await tus.ask("DELETE", path)).status == 404
    assert not file.exists()


async def test_files_of_a_draft_that_is_being_prepared_are_fixed(
    tus: TusClient, draft: PackageDraft, seller: User
) -> None:
    path = await tus.begin(draft.pk, len(FLAC), "song.flac")
    await tus.patch(path, 0, FLAC)
    await sync_to_async(services.queue_sealing)(draft_id=draft.pk, owner=seller, may_save=False)

    created = await tus.create(draft.pk, 10)
    patched = await tus.patch(path, len(FLAC))
    deleted = await tus.ask("DELETE", path)

    assert patched is not None
    assert [created.status, patched.status, deleted.status] == [409, 409, 409]
    assert await _count() == 1


async def test_an_upload_that_nobody_continues_expires(
    tus: TusClient, draft: PackageDraft, seller: User
) -> None:
    path = await tus.begin(draft.pk, 10)
    patched = await tus.patch(path, 0, b"abc")
    upload = await _upload(path)
    now = timezone.now()
    soon, late = now + dt.timedelta(days=6), now + dt.timedelta(days=8)

    assert patched is not None
    assert patched.headers["upload-expires"].endswith("GMT")
    assert await sync_to_async(services.sweep_uploads)(now=soon) == 0
    with pytest.raises(UploadNotFoundError):
        await sync_to_async(uploads.find_upload)(owner=seller, upload_id=upload.pk, now=late)
    assert await sync_to_async(services.sweep_uploads)(now=late) == 1
    assert await _count() == 0
    assert not _file(upload).exists()


ODD_NAMES = {
    unicodedata.normalize("NFD", "밤의 노래.mp4"): "밤의 노래.mp4",
    'a "quoted" name.mp4': "a _quoted_ name.mp4",
    "../../etc/passwd": "passwd",
    "C:\\Users\\ada\\film.mp4": "film.mp4",
    "a\x00b\r\nc.mp4": "ab c.mp4",
    "film\u202e4pm.exe": "film4pm.exe",
    "\u200b\u200d": "file",
    "": "file",
    "..": "file",
    "no\u00a0break.mp4": "no break.mp4",
}


@pytest.mark.parametrize(("sent", "kept"), ODD_NAMES.items())
async def test_a_name_is_kept_safe_to_show_and_to_save(
    tus: TusClient, draft: PackageDraft, sent: str, kept: str
) -> None:
    path = await tus.begin(draft.pk, 10, sent)

    assert (await _upload(path)).name == kept


async def test_a_name_of_400_letters_keeps_its_ending(tus: TusClient, draft: PackageDraft) -> None:
    path = await tus.begin(draft.pk, 10, "거" * 400 + ".flac")

    name = (await _upload(path)).name
    assert name.endswith("거.flac")
    assert len(name.encode()) <= 200


async def test_a_name_that_is_no_text_is_taken_all_the_same(
    tus: TusClient, draft: PackageDraft
) -> None:
    path = await tus.begin(draft.pk, 10, b"\xff\xfe.mp4")

    assert (await _upload(path)).name.endswith(".mp4")


async def test_two_files_of_one_name_get_two_names(tus: TusClient, draft: PackageDraft) -> None:
    paths = [await tus.begin(draft.pk, 10, name) for name in ("a.mp4", "A.mp4", "a.mp4", "b", "b")]

    names = [(await _upload(path)).name for path in paths]

    assert names == ["a.mp4", "A (2).mp4", "a (3).mp4", "b", "b (2)"]


async def test_a_listing_has_a_limit_of_files(
    tus: TusClient, draft: PackageDraft, settings: Settings
) -> None:
    settings.UPLOAD_MAX_FILES = 2
    await tus.begin(draft.pk, 10)
    await tus.begin(draft.pk, 10)

    answer = await tus.create(draft.pk, 10)

    assert answer.status == 422
    assert "at most 2 files" in answer.text


async def test_a_full_disk_is_said_before_the_upload_begins(
    tus: TusClient, draft: PackageDraft, settings: Settings
) -> None:
    settings.UPLOAD_MAX_BYTES = settings.UPLOAD_QUOTA_BYTES = 2**60

    answer = await tus.create(draft.pk, 2**59)

    assert answer.status == 507
    assert "no room" in answer.text
    assert await _count() == 0


async def test_one_sellers_unpublished_files_leave_room_for_others(
    tus: TusClient, draft: PackageDraft, settings: Settings
) -> None:
    settings.UPLOAD_QUOTA_BYTES = 1000
    first = await tus.create(draft.pk, 700)
    second = await tus.create(draft.pk, 301)

    assert (first.status, second.status) == (201, 507)
    assert "Publish or remove some of them first" in second.text
    assert await _count() == 1


async def test_uploads_that_are_on_their_way_have_their_room(
    tus: TusClient, draft: PackageDraft, settings: Settings
) -> None:
    settings.UPLOAD_MAX_BYTES = settings.UPLOAD_QUOTA_BYTES = 2**60
    free = files.free_bytes(Path(settings.UPLOAD_DIR))
    first = await tus.create(draft.pk, free * 2 // 3)
    second = await tus.create(draft.pk, free * 2 // 3)

    assert (first.status, second.status) == (201, 507)


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_however_the_bytes_are_cut_the_file_comes_out_whole(
    tus: TusClient, draft: PackageDraft, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.packaging.tus.receiving.BUFFER", 700)
    content = os.urandom(data.draw(st.integers(1, 5000), "size"))
    path = await tus.begin(draft.pk, len(content))
    offset, requests = 0, 0

    while offset < len(content) and requests < 40:
        requests += 1
        end = data.draw(st.integers(offset, len(content)), "end")
        middle = data.draw(st.integers(offset, end), "middle")
        cut = data.draw(st.booleans(), "cut")
        await tus.patch(path, offset, content[offset:middle], content[middle:end], cut=cut)
        assert await tus.offset(path) == end
        offset = end
    last = await tus.patch(path, offset, content[offset:])

    assert isinstance(last, Answer)
    assert last.status == 204
    upload = await _upload(path)
    assert upload.completed_at is not None
    assert _file(upload).read_bytes() == content
    await tus.ask("DELETE", path)
