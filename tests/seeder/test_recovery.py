"""Ready for the end of a shop, and after it: every way it can go wrong is a sentence."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from drm.issuer import sign_root_acceptance, sign_root_change
from drm.keys import IdentityKey
from drm.recovery import RecoveryKey
from drm.unlock import ActivationSecret
from seeder.cli import app
from seeder.cli.seat import Seat, connect
from seeder.config import Home
from seeder.kit import read_kit
from seeder.torrents import read_metainfo
from seeder.unlocking import UnlockPapers, activated, keep_unlock_fresh
from tests.seeder.conftest import last_json
from tests.seeder.ending import EndingShop
from tests.seeder.shop import FakePackage, Running

Geobuk = Callable[..., Result]
Own = Callable[[FakePackage], FakePackage]


@pytest.fixture
def shop() -> EndingShop:
    return EndingShop()


class _NewPc:
    """A computer that never knew the shop, with a kit, a paper and an activation file."""

    def __init__(self, geobuk: Geobuk, home: Home, shop: EndingShop, folder: Path) -> None:
        self._geobuk = geobuk
        self.home, self.shop = home, shop
        self.kit, self.code_file = folder / "kit.zip", folder / "code.txt"
        made = last_json(geobuk("recovery", "create", "--json"))
        self.code = str(made["code"])
        self.code_file.write_text(self.code)
        assert geobuk("recovery", "kit", str(self.kit)).exit_code == 0
        self.activation = shop.activation(folder / "activation.json")
        shutil.rmtree(home.root)

    def recover(self, **changes: Any) -> Result:
        code = changes.get("code")
        if code is not None:
            self.code_file.write_text(code)
        return self._geobuk(
            "recover",
            str(changes.get("kit", self.kit)),
            "--activation",
            str(changes.get("activation", self.activation)),
            "--code-file",
            str(self.code_file),
            "--json",
        )

    def refused(self, **changes: Any) -> str:
        """The sentence of a refusal, which has left nothing behind."""
        answer = self.recover(**changes)
        assert answer.exit_code == 1
        assert not self.home.root.exists() or list(self.home.root.iterdir()) in (
            [],
            [self.home.root / "shops"],
        )
        assert not list(self.home.root.glob("shops/*"))
        return str(last_json(answer)["error"]["message"])


@pytest.fixture
def new_pc(
    geobuk: Geobuk,
    home: Home,
    seat: Seat,
    shop: EndingShop,
    film: FakePackage,
    running: Running,
    tmp_path: Path,
) -> _NewPc:
    made = _NewPc(geobuk, home, shop, tmp_path)
    running.stop()
    return made


def test_the_key_is_shown_once_and_the_shop_gets_its_public_parts(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, film: FakePackage, tmp_path: Path
) -> None:
    paper = tmp_path / "paper.html"

    made = last_json(geobuk("recovery", "create", "--out", str(paper), "--json"))

    key, _hint = RecoveryKey.from_code(made["code"])
    assert shop.paper is not None
    assert shop.paper.identity_public == key.identity.public
    assert shop.paper.sealing_public == key.sealing().public
    assert paper.stat().st_mode & 0o777 == 0o600
    assert all(f"<td>{group}</td>" in paper.read_text() for group in made["code"].split("-"))
    everything = "".join(
        path.read_text(errors="replace") for path in seat.folder.path.rglob("*") if path.is_file()
    )
    assert not any(group in everything for group in made["code"].split("-"))


def test_a_second_key_needs_a_word_and_a_lost_call_leaves_no_sheet(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, tmp_path: Path
) -> None:
    assert geobuk("recovery", "create").exit_code == 0
    first = shop.paper

    again = geobuk("recovery", "create", "--json")
    shop.failing = [0, 500]
    lost = geobuk("recovery", "create", "--replace", "--out", str(tmp_path / "p.txt"), "--json")

    assert "--replace" in last_json(again)["error"]["message"]
    assert (lost.exit_code, shop.paper) == (1, first)
    assert not (tmp_path / "p.txt").exists()
    (tmp_path / "p.txt").write_text("mine")
    taken = geobuk("recovery", "create", "--replace", "--out", str(tmp_path / "p.txt"), "--json")
    assert "there already" in last_json(taken)["error"]["message"]
    assert shop.paper == first
    assert geobuk("recovery", "create", "--replace").exit_code == 0
    assert shop.paper != first
    assert geobuk("recovery", "remove").exit_code == 0
    assert shop.paper is None
    assert (
        "no recovery key" in last_json(geobuk("recovery", "remove", "--json"))["error"]["message"]
    )


def test_the_kit_opens_nothing_and_names_open_torrents(
    geobuk: Geobuk, seat: Seat, film: FakePackage, album: FakePackage, tmp_path: Path
) -> None:
    geobuk("recovery", "create")

    told = last_json(geobuk("recovery", "kit", str(tmp_path / "kit.zip"), "--json"))

    assert sorted(told["titles"]) == sorted([film.title, album.title])
    assert (tmp_path / "kit.zip").stat().st_mode & 0o777 == 0o600
    kit = read_kit(tmp_path / "kit.zip")
    for package in (film, album):
        assert kit.packages[package.id].manifest_jws == package.manifest_jws
        info = read_metainfo(kit.packages[package.id].torrent, private=False)
        assert info.announce is None
        raw = (tmp_path / "kit.zip").read_bytes()
        assert package.key.to_bytes() not in raw


def test_a_kit_for_a_key_that_was_removed_elsewhere_says_so(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, film: FakePackage, tmp_path: Path
) -> None:
    geobuk("recovery", "create")
    good = last_json(geobuk("recovery", "kit", str(tmp_path / "good.zip"), "--json"))
    shop.paper = None  # as on the shop's page

    told = geobuk("recovery", "kit", str(tmp_path / "kit.zip"))
    as_json = last_json(geobuk("recovery", "kit", str(tmp_path / "kit.zip"), "--json"))

    assert (told.exit_code, good["registered"], as_json["registered"]) == (0, True, False)
    assert "no recovery key any more" in told.output


def test_without_a_key_there_is_no_kit(geobuk: Geobuk, seat: Seat, tmp_path: Path) -> None:
    answer = geobuk("recovery", "kit", str(tmp_path / "kit.zip"), "--json")

    assert "geobuk recovery create" in last_json(answer)["error"]["message"]
    assert not (tmp_path / "kit.zip").exists()


def test_an_old_answer_never_replaces_a_newer_document(seat: Seat, shop: EndingShop) -> None:
    papers = UnlockPapers(seat.folder)
    film = shop.add("Night Film", [("film.mp4", "video/mp4", b"film")])
    now = shop.now()
    with connect(seat) as client:
        items = client.library()
        keep_unlock_fresh(client, seat.folder, items, thumbprint=seat.device.thumbprint, now=now)
        newest = papers.device_file.read_bytes()
        calls = len(shop.calls)
        keep_unlock_fresh(client, seat.folder, items, thumbprint=seat.device.thumbprint, now=now)
        assert len(shop.calls) == calls  # nothing has changed, so nothing is asked

        film.state = "revoked"
        shop.signed_at = now - timedelta(days=1)
        keep_unlock_fresh(
            client, seat.folder, client.library(), thumbprint=seat.device.thumbprint, now=now
        )

    assert papers.device_file.read_bytes() == newest


def test_a_document_of_another_signer_is_not_kept(
    geobuk: Geobuk, seat: Seat, shop: EndingShop
) -> None:
    shop.signer = IdentityKey.generate()

    answer = geobuk("recovery", "create", "--json")

    assert "that its keys signed" in last_json(answer)["error"]["message"]
    assert not UnlockPapers(seat.folder).device_file.exists()
    assert shop.paper is None


def test_a_device_opens_after_the_activation_what_it_holds_no_licence_of(
    geobuk: Geobuk,
    seat: Seat,
    shop: EndingShop,
    film: FakePackage,
    own: Own,
    running: Running,
    tmp_path: Path,
) -> None:
    own(film)
    geobuk("recovery", "create")  # fetches the documents too
    geobuk("library")
    seat.papers(film.id).keep_manifest(film.manifest_jws)
    running.stop()
    before = last_json(geobuk("save", film.title, str(tmp_path / "film.mp4"), "--json"))
    assert before["error"]["code"] == "no_licence"

    told = last_json(geobuk("activate", str(shop.activation(tmp_path / "a.json")), "--json"))
    saved = last_json(geobuk("save", film.title, str(tmp_path / "film.mp4"), "--json"))

    assert told["packages"] == [film.id]
    assert Path(saved["saved"][0]).read_bytes() == film.plain[0]
    assert last_json(geobuk("sync", "--json"))["packages"] == [film.id]


def test_an_activation_that_is_not_the_shops_changes_nothing(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, film: FakePackage, tmp_path: Path
) -> None:
    answer = geobuk("activate", str(shop.activation(tmp_path / "a.json")), "--json")
    assert "no unlock document" in last_json(answer)["error"]["message"]
    geobuk("recovery", "create")
    genuine = shop.secret
    shop.secret = ActivationSecret.generate()
    forged = shop.activation(tmp_path / "forged.json")
    other = EndingShop(name="Other Shop").activation(tmp_path / "other.json")
    shop.secret = genuine

    for file, sentence in ((forged, "committed to"), (other, "another shop (Other Shop)")):
        answer = geobuk("activate", str(file), "--json")
        assert sentence in last_json(answer)["error"]["message"]
        assert activated(seat.folder, seat.shop, thumbprint=seat.device.thumbprint) is None
    missing = last_json(geobuk("activate", str(tmp_path / "none"), "--json"))
    assert "There is no file" in missing["error"]["message"]


def test_a_signed_revocation_outlives_the_shop(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)
    geobuk("recovery", "create")
    assert geobuk("save", film.title, str(tmp_path / "one.mp4")).exit_code == 0
    film.status, film.state, film.sequence = "revoked", "revoked", 2
    geobuk("library")

    geobuk("activate", str(shop.activation(tmp_path / "a.json")))
    answer = geobuk("save", film.title, str(tmp_path / "two.mp4"), "--json")

    assert last_json(answer)["error"]["code"] == "revoked"
    assert not (tmp_path / "two.mp4").exists()


def test_a_new_pc_has_the_library_and_what_was_fetched_opens(
    new_pc: _NewPc, geobuk: Geobuk, film: FakePackage, tmp_path: Path
) -> None:
    told = last_json(new_pc.recover(code=new_pc.code.lower().replace("-", " ")))

    assert told["titles"] == [film.title]
    [item] = last_json(geobuk("library", "--json"))["items"]
    assert (item["title"], item["may_save"], item["here"]) == (film.title, True, False)
    assert [file["name"] for file in item["files"]] == ["film.mp4"]
    [folder] = (new_pc.home.root / "shops").iterdir()
    film.write(folder / "content" / "packages" / film.id)
    (folder / "packages" / film.id / "complete").write_bytes(b"")
    saved = last_json(geobuk("save", film.title, str(tmp_path / "out.mp4"), "--json"))
    assert Path(saved["saved"][0]).read_bytes() == film.plain[0]
    assert (folder / "device.json").stat().st_mode & 0o777 == 0o600
    again = new_pc.recover()
    assert "knows" in last_json(again)["error"]["message"]


def test_an_old_paper_opens_under_the_root_that_followed(
    geobuk: Geobuk, home: Home, seat: Seat, shop: EndingShop, film: FakePackage, tmp_path: Path
) -> None:
    code = last_json(geobuk("recovery", "create", "--json"))["code"]
    old, new = shop.root, IdentityKey.generate()
    accepted = sign_root_acceptance(new, old_root=old.public, sequence=1)
    change = sign_root_change(
        root=old, new_root=new.public, acceptance=accepted, sequence=1, now=shop.now()
    )
    shop.root = new
    shop.document["root_changes"] = [change]
    kit, typed = tmp_path / "kit.zip", tmp_path / "code.txt"
    assert geobuk("recovery", "kit", str(kit)).exit_code == 0
    assert read_kit(kit).shop.root_public == new.public
    typed.write_text(code)
    shutil.rmtree(home.root)

    answer = geobuk(
        "recover", str(kit), "--activation", str(shop.activation(tmp_path / "a.json")),
        "--code-file", str(typed), "--json",
    )  # fmt: skip

    assert last_json(answer)["titles"] == [film.title]


def test_the_code_may_come_from_the_input(new_pc: _NewPc) -> None:
    answer = CliRunner().invoke(
        app, ["recover", str(new_pc.kit), "--activation", str(new_pc.activation)],
        input=f"{new_pc.code}\n",
    )  # fmt: skip

    assert answer.exit_code == 0
    assert "Night Film" in answer.stdout


def test_wrong_codes_are_told_apart(new_pc: _NewPc) -> None:
    groups = new_pc.code.split("-")
    slip = groups[4][:2] + ("0" if groups[4][2] != "0" else "1") + groups[4][3:]
    root = read_kit(new_pc.kit).shop.root_public
    stranger = IdentityKey.generate().public

    assert "Group 5 of the code" in new_pc.refused(code="-".join([*groups[:4], slip, *groups[5:]]))
    assert "another one than the kit" in new_pc.refused(code=RecoveryKey.generate().code(root))
    assert "of another shop" in new_pc.refused(code=RecoveryKey.generate().code(stranger))
    assert "0 characters" in new_pc.refused(code="")
    assert new_pc.recover(code=new_pc.code).exit_code == 0


def test_kits_and_activations_that_are_none_are_told_apart(new_pc: _NewPc, tmp_path: Path) -> None:
    torn = tmp_path / "torn.zip"
    torn.write_bytes(new_pc.kit.read_bytes()[:400])
    genuine, new_pc.shop.secret = new_pc.shop.secret, ActivationSecret.generate()
    forged = new_pc.shop.activation(tmp_path / "forged.json")
    new_pc.shop.secret = genuine

    assert "not a whole recovery kit" in new_pc.refused(kit=torn)
    assert "There is no file" in new_pc.refused(kit=tmp_path / "none.zip")
    assert "committed to" in new_pc.refused(activation=forged)
    assert "not an activation file" in new_pc.refused(activation=new_pc.code_file)
    for name, data, sentence in (
        ("kit.json", b"{}", "no recovery kit of this version"),
        ("shop.json", b"{}", "shop document in the kit"),
        ("unlock.jws", b"a.b.c", "not one that its shop signed"),
        ("unlock.jws", None, "lacks unlock.jws"),
    ):
        changed = _changed_kit(new_pc.kit, tmp_path / "changed.zip", name, data)
        assert sentence in new_pc.refused(kit=changed)


def test_a_kit_with_another_torrent_or_manifest_is_refused(
    new_pc: _NewPc, film: FakePackage, shop: EndingShop, tmp_path: Path
) -> None:
    other = shop.add("Other", [("a", "text/plain", b"other")])
    for name, data in (
        (f"manifests/{film.id}.jws", other.manifest_jws),
        (f"torrents/{film.id}.torrent", film.metainfo),
        (f"torrents/{film.id}.torrent", b"d4:infodee"),
    ):
        changed = _changed_kit(new_pc.kit, tmp_path / "changed.zip", name, data)
        assert "not the one that the shop signed" in new_pc.refused(kit=changed)


def test_trustees_are_told_what_is_wrong_with_their_shares(
    geobuk: Geobuk, home: Home, tmp_path: Path
) -> None:
    shop = EndingShop(site="http://127.0.0.1:1")
    one, two, three = shop.shares(tmp_path / "first")
    later = shop.shares(tmp_path / "later")
    other = EndingShop(site="http://127.0.0.1:2", name="Other Shop").shares(tmp_path / "other")
    torn = tmp_path / "torn.json"
    torn.write_text(one.read_text()[:-30])
    edited = tmp_path / "edited.json"
    document = json.loads(one.read_text())
    edited.write_text(json.dumps(document | {"share": document["share"][:-4] + "AAAA"}))
    out = tmp_path / "activation.json"

    def combined(*shares: Path) -> str:
        answer = geobuk("trustees", "combine", *map(str, shares), "--out", str(out), "--json")
        told = last_json(answer)
        return str(told["error"]["message"]) if answer.exit_code else str(told["shop"])

    assert "1 is missing" in combined(one)
    assert "given twice" in combined(two, two)
    assert "of another set" in combined(one, later[1])
    assert "a share of another shop (Other Shop)" in combined(one, other[1])
    assert "not a trustee's share" in combined(one, torn)
    assert "was not signed by the shop" in combined(edited, two)
    assert "There is no file" in combined(one, tmp_path / "none.json")
    assert not out.exists()
    assert combined(three, one) == "Test Shop"
    assert out.read_bytes() == shop.activation(tmp_path / "expected.json").read_bytes()
    assert "there already" in combined(three, one)


def test_shares_of_a_shop_in_anothers_place_are_refused(
    geobuk: Geobuk, seat: Seat, shop: EndingShop, tmp_path: Path
) -> None:
    forger = EndingShop(site=shop.site)

    answer = geobuk(
        "trustees", "combine", *map(str, forger.shares(tmp_path / "s")),
        "--out", str(tmp_path / "a.json"), "--json",
    )  # fmt: skip

    assert "another root key" in last_json(answer)["error"]["message"]
    assert not (tmp_path / "a.json").exists()


def _changed_kit(kit: Path, target: Path, name: str, data: bytes | None) -> Path:
    with zipfile.ZipFile(kit) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        if data is not None:
            new.writestr(name, data)
    return target
