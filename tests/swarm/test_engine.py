from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seeder.alerts import TorrentState
from seeder.engine import (
    AddTorrent,
    Command,
    FetchLicence,
    FetchTorrent,
    HoldDownload,
    LackSpace,
    Purchase,
    RemoveTorrent,
    ResumeTorrent,
    View,
    keep_within_space,
    plan,
    progress_report,
)
from seeder.tracked import TorrentSnapshot

EMPTY = View(
    purchases=(),
    licensed=frozenset(),
    located=frozenset(),
    on_disk={},
    running=(),
    free=10**9,
)


def running(package: str, state: TorrentState = TorrentState.DOWNLOADING) -> TorrentSnapshot:
    return TorrentSnapshot(
        name=package,
        info_hash=f"hash of {package}",
        state=state,
        done=40,
        total=100,
        down_rate=1,
        up_rate=2,
        downloaded=40,
        uploaded=3,
        failed=0,
        peers=4,
        seeds=1,
        error="",
        tracker_error="",
    )


def bought(*packages: str, active: bool = True, size: int = 100) -> tuple[Purchase, ...]:
    return tuple(Purchase(package, active, size) for package in packages)


def test_a_new_purchase_is_licensed_and_located_first() -> None:
    view = replace(EMPTY, purchases=bought("a", "b"))

    assert plan(view) == (
        FetchLicence("a"),
        FetchLicence("b"),
        FetchTorrent("a"),
        FetchTorrent("b"),
    )


def test_a_located_package_is_added_even_without_a_licence() -> None:
    view = replace(EMPTY, purchases=bought("a"), located=frozenset("a"), waiting=frozenset("a"))

    assert plan(view) == (AddTorrent("a"),)


def test_the_shop_is_not_asked_about_what_waits() -> None:
    view = replace(EMPTY, purchases=bought("a"), waiting=frozenset("a"))

    assert plan(view) == ()


def test_revoked_and_vanished_packages_leave_the_session() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a", active=False),
        licensed=frozenset("ab"),
        located=frozenset("ab"),
        running=(running("a", TorrentState.SEEDING), running("b", TorrentState.ERROR)),
    )

    assert plan(view) == (
        RemoveTorrent("a", "hash of a"),
        RemoveTorrent("b", "hash of b"),
    )


def test_a_package_bought_twice_stays_while_one_purchase_is_active() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a") + bought("a", active=False),
        licensed=frozenset("a"),
        running=(running("a"),),
    )

    assert plan(view) == ()


def test_errors_are_retried_when_the_daemon_says_so() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a"),
        licensed=frozenset("a"),
        running=(running("a", TorrentState.ERROR),),
    )

    assert plan(view) == ()
    assert plan(replace(view, retry_errors=True)) == (ResumeTorrent("a", "hash of a"),)


def test_downloads_stop_before_the_disk_is_full_and_nothing_else_does() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a", "b", "c"),
        licensed=frozenset("abc"),
        running=(
            running("a"),
            replace(running("b", TorrentState.SEEDING), done=100),
            running("c", TorrentState.CHECKING),
        ),
        free=0,
    )

    assert plan(view) == (HoldDownload("a", "hash of a"),)
    assert plan(replace(view, free=1)) == ()


def test_what_stopped_goes_on_in_order_as_far_as_the_rest_of_it_fits() -> None:
    stopped = (running("a", TorrentState.ERROR), running("b", TorrentState.ERROR))
    whole = replace(running("c", TorrentState.ERROR), done=100)

    def resumed(free: int) -> str:
        commands = keep_within_space((*stopped, whole), free=free, retry_errors=True)
        assert all(isinstance(command, ResumeTorrent) for command in commands)
        return "".join(command.package for command in commands)

    # Of "a" and "b" 60 are missing each; "c" needs nothing, so its error was another one.
    assert [resumed(free) for free in (-5, 0, 59, 60, 119, 120)] == [
        "c",
        "c",
        "c",
        "ac",
        "ac",
        "abc",
    ]


def test_a_held_download_keeps_its_room() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a", "b"),
        licensed=frozenset("ab"),
        located=frozenset("b"),
        running=(running("a", TorrentState.ERROR),),
        free=120,
    )

    assert plan(view) == (LackSpace("b", needed=100, free=60),)


def test_space_is_given_in_order_and_running_downloads_keep_theirs() -> None:
    view = replace(
        EMPTY,
        purchases=bought("a", "b", "c", "d"),
        licensed=frozenset("abcd"),
        located=frozenset("bcd"),
        on_disk={"b": 30, "d": 90},
        running=(running("a"),),
        free=140,
    )

    # 140 free, 60 of them for "a": "b" needs 70 of 80, "c" 100 of 10, "d" 10 of 10.
    assert plan(view) == (AddTorrent("b"), LackSpace("c", needed=100, free=10), AddTorrent("d"))


def test_only_changed_progress_is_reported() -> None:
    still, moving = running("a"), running("b")

    report = progress_report([still, moving], [still, replace(moving, done=50), running("c")])

    assert report == [
        {
            "package": "b",
            "state": "downloading",
            "done": 50,
            "total": 100,
            "down_rate": 1,
            "up_rate": 2,
            "uploaded": 3,
            "peers": 4,
        },
        {**report[1], "package": "c", "done": 40},
    ]


packages = st.sampled_from("abcdef")
views = st.builds(
    View,
    purchases=st.lists(
        st.builds(Purchase, packages, st.booleans(), st.integers(1, 200)), max_size=8
    ).map(tuple),
    licensed=st.frozensets(packages),
    located=st.frozensets(packages),
    on_disk=st.dictionaries(packages, st.integers(0, 300)),
    running=st.lists(
        st.builds(running, packages, st.sampled_from(TorrentState)),
        max_size=6,
        unique_by=lambda torrent: torrent.name,
    ).map(tuple),
    free=st.integers(-10, 1000),
    waiting=st.frozensets(packages),
    retry_errors=st.booleans(),
)


def carry_out(view: View, commands: tuple[Command, ...]) -> View:
    """Do what the daemon would, with every command succeeding."""
    for command in commands:
        match command:
            case FetchLicence(package):
                view = replace(view, licensed=view.licensed | {package})
            case FetchTorrent(package):
                view = replace(view, located=view.located | {package})
            case AddTorrent(package):
                added = running(package, TorrentState.SEEDING)
                size = next(p.size for p in view.purchases if p.active and p.package == package)
                needed = max(0, size - view.on_disk.get(package, 0))
                view = replace(view, running=(*view.running, added), free=view.free - needed)
            case RemoveTorrent(package):
                left = tuple(torrent for torrent in view.running if torrent.name != package)
                view = replace(view, running=left)
            case ResumeTorrent(package):
                view = replace(view, retry_errors=False)
            case HoldDownload(package):
                view = replace(
                    view,
                    running=tuple(
                        replace(torrent, state=TorrentState.ERROR)
                        if torrent.name == package
                        else torrent
                        for torrent in view.running
                    ),
                )
            case LackSpace():
                pass
    return view


@given(views)
def test_no_plan_touches_what_is_not_bought_but_to_stop_it(view: View) -> None:
    active = {purchase.package for purchase in view.purchases if purchase.active}
    now_running = {torrent.name for torrent in view.running}

    commands = plan(view)

    for command in commands:
        if isinstance(command, RemoveTorrent):
            assert command.package in now_running - active
        else:
            assert command.package in active
        if isinstance(command, AddTorrent | LackSpace):
            assert command.package in view.located - now_running
    assert len(set(commands)) == len(commands)
    assert now_running - active == {c.package for c in commands if isinstance(c, RemoveTorrent)}


@given(views)
def test_what_is_added_fits(view: View) -> None:
    active = {purchase.package: purchase.size for purchase in view.purchases if purchase.active}

    added = [command.package for command in plan(view) if isinstance(command, AddTorrent)]

    needed = sum(max(0, active[package] - view.on_disk.get(package, 0)) for package in added)
    assert needed <= max(0, view.free)


@given(views)
def test_plans_that_succeed_come_to_rest(view: View) -> None:
    for _ in range(3):
        view = carry_out(view, plan(view))

    assert all(isinstance(command, LackSpace) for command in plan(view))
