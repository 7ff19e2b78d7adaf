"""A new master key in the place of the old one: stopped anywhere, it goes on, and all keys open."""

from __future__ import annotations

import pytest

from drm.keys import ContentKey
from marketplace.accounts.models import User
from marketplace.packaging import custody, services
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import ContentKey as Row
from marketplace.packaging.models import Package, PackageDraft, SigningKey

pytestmark = pytest.mark.django_db
SAYINGS = 8  # what a rotation of the fixture's rows says, one row in each transaction


class _KilledError(Exception):
    pass


@pytest.fixture
def keys(seller: User) -> dict[str, ContentKey]:
    """Three packages with their content keys; the first of a shop that knew no rotation."""
    services.issuer()
    made = {}
    for number in range(3):
        key, name, seal_id = ContentKey.generate(), f"{number:064}", f"{number:032}"
        package = Package.objects.create(
            id=name,
            draft=PackageDraft.objects.create(owner=seller),
            seal_id=seal_id,
            piece_length=16384,
            plain_size=1,
            sealed_size=1,
        )
        kept = custody.wrap_content_key(key, seal_id=seal_id)
        master = kept.master if number else ""
        Row.objects.create(package=package, wrapped=kept.wrapped, master=master)
        made[name] = key
    return made


def _all_open(keys: dict[str, ContentKey]) -> None:
    assert {name: services.content_key(name) for name in keys} == keys
    assert services.issuer().key.public.thumbprint == services.issuer().kid


def _silent(_: str) -> None:
    pass


def test_every_row_comes_under_the_new_key_and_the_old_one_goes(
    keys: dict[str, ContentKey],
) -> None:
    old = custody.master_key()

    services.rotate_master_key(say=_silent)
    new, *others = custody.master_keys()
    _all_open(keys)
    services.finish_rotation(say=_silent)

    assert others == [old]
    assert custody.master_keys() == (new,) != (old,)
    assert custody.master_key_path().stat().st_mode & 0o777 == 0o600
    for model in (Row, SigningKey):
        assert set(model.objects.values_list("master", flat=True)) == {new.fingerprint}
    _all_open(keys)


@pytest.mark.parametrize("steps", range(1, SAYINGS + 1))
def test_stopped_after_any_step_it_goes_on(keys: dict[str, ContentKey], steps: int) -> None:
    said = []

    def stop(message: str) -> None:
        said.append(message)
        _all_open(keys)
        if len(said) == steps:
            raise _KilledError

    def rotate() -> None:
        services.rotate_master_key(say=stop, batch=1)
        services.finish_rotation(say=stop, batch=1)

    with pytest.raises(_KilledError):
        rotate()
    _all_open(keys)
    if len(custody.master_keys()) == 2:
        services.rotate_master_key(say=_silent)
        services.finish_rotation(say=_silent)

    assert len(custody.master_keys()) == 1
    _all_open(keys)


def test_a_row_that_opens_with_no_key_keeps_the_old_key(keys: dict[str, ContentKey]) -> None:
    services.rotate_master_key(say=_silent)
    Row.objects.filter(package_id=f"{2:064}").update(wrapped=bytes(40))

    with pytest.raises(CustodyError, match="opens with no master key"):
        services.finish_rotation(say=_silent)
    assert len(custody.master_keys()) == 2


def test_what_comes_in_under_the_old_key_is_wrapped_before_it_goes(
    keys: dict[str, ContentKey],
) -> None:
    before = {row.pk: (bytes(row.wrapped), row.master) for row in Row.objects.all()}
    services.rotate_master_key(say=_silent)
    for pk, (wrapped, master) in before.items():
        Row.objects.filter(pk=pk).update(wrapped=wrapped, master=master)

    services.finish_rotation(say=_silent)

    _all_open(keys)


def test_a_row_read_before_the_end_opens_after_it(keys: dict[str, ContentKey]) -> None:
    row = Row.objects.select_related("package").get(package_id=f"{1:064}")
    services.rotate_master_key(say=_silent)
    services.finish_rotation(say=_silent)

    assert custody.open_content_key_row(row) == keys[f"{1:064}"]


def test_keys_of_the_environment_are_the_operators_to_change(
    keys: dict[str, ContentKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = custody.master_key().to_bytes().hex(), "ef" * 32
    monkeypatch.setenv("GEOBUK_MASTER_KEY", old)
    with pytest.raises(CustodyError, match="openssl rand -hex 32"):
        services.rotate_master_key(say=_silent)

    monkeypatch.setenv("GEOBUK_MASTER_KEY", f"{new},{old}")
    services.rotate_master_key(say=_silent)
    said: list[str] = []
    services.finish_rotation(say=said.append)
    assert "first key alone" in said[-1]

    monkeypatch.setenv("GEOBUK_MASTER_KEY", new)
    _all_open(keys)


def test_a_backup_box_holds_every_key_in_use(keys: dict[str, ContentKey]) -> None:
    services.rotate_master_key(say=_silent)
    held = custody.master_keys()
    box = services.lock_master_key(passphrase="correct horse battery")
    assert services.fingerprint_of_box(box, passphrase="correct horse battery") == (
        services.master_key_fingerprint()
    )
    custody.master_key_path().unlink()

    services.unlock_master_key(box, passphrase="correct horse battery")

    assert custody.master_keys() == held
    _all_open(keys)
