from __future__ import annotations

from collections.abc import Sequence

from seeder.alerts import PeerSnapshot
from seeder.bandwidth import Used
from seeder.config import Home
from seeder.line import Traffic, is_lan
from seeder.usage import Meter, UsageFile


def traffic(sent: int, received: int, *, up: int, down: int) -> Traffic:
    return Traffic(sent, received, up, down, incoming=False)


def peer(host: str, *, up: int = 0, down: int = 0, port: int = 6881) -> PeerSnapshot:
    return PeerSnapshot(
        info_hash="00", host=host, port=port, label="", downloaded=down, uploaded=up,
        outgoing=True, seed=False,
    )  # fmt: skip


def test_everything_on_the_line_counts() -> None:
    meter = Meter()

    first = meter.counted(traffic(110, 220, up=100, down=200), (), lan=True)
    second = meter.counted(traffic(150, 220, up=130, down=200), (), lan=True)

    assert (first, second) == (Used(110, 220), Used(40, 0))


def counted_free(steps: Sequence[tuple[Traffic, list[PeerSnapshot]]]) -> list[Used]:
    meter = Meter()
    meter.counted(traffic(0, 0, up=0, down=0), (), lan=False)
    return [meter.counted(seen, peers, lan=False) for seen, peers in steps]


def test_the_own_network_is_taken_off_with_what_goes_with_it() -> None:
    near, far = peer("192.168.1.7", up=900), peer("203.0.113.7", up=100)

    (used,) = counted_free([(traffic(1100, 50, up=1000, down=0), [near, far])])

    # A tenth of the content, and a tenth of the 100 + 50 bytes beside it.
    assert used == Used(110, 5)


def test_a_link_counts_what_it_moved_since_the_last_look() -> None:
    first, second = counted_free(
        [
            (traffic(1000, 0, up=1000, down=0), [peer("10.0.0.2", up=1000)]),
            (traffic(1500, 0, up=1500, down=0), [peer("10.0.0.2", up=1200)]),
        ]
    )

    assert (first, second) == (Used(0, 0), Used(300, 0))


def test_a_link_that_begins_anew_or_carries_its_count_on_is_taken_off_once() -> None:
    anew = counted_free(
        [
            (traffic(1000, 0, up=1000, down=0), [peer("10.0.0.2", up=1000)]),
            (traffic(1000, 0, up=1000, down=0), []),
            (traffic(1500, 0, up=1500, down=0), [peer("10.0.0.2", up=500)]),
        ]
    )
    carried = counted_free(
        [
            (traffic(1000, 0, up=1000, down=0), [peer("10.0.0.2", up=1000)]),
            (traffic(1000, 0, up=1000, down=0), []),
            (traffic(1500, 0, up=1500, down=0), [peer("10.0.0.2", up=1500)]),
        ]
    )

    assert anew == carried == [Used(0, 0), Used(0, 0), Used(0, 0)]


def test_links_may_be_ahead_of_what_the_session_reports() -> None:
    near = [peer("10.0.0.2", up=count) for count in (700, 1500, 1500, 1500)]
    reported = [0, 700, 700, 1500]

    used = counted_free(
        [
            (traffic(sent, 0, up=sent, down=0), [link])
            for sent, link in zip(reported, near, strict=True)
        ]
    )

    assert used == [Used(0, 0)] * 4


def test_what_links_were_ahead_by_is_taken_off_no_later_content() -> None:
    near = peer("10.0.0.2", up=1000)

    *_, late = counted_free(
        [
            (traffic(100, 0, up=100, down=0), [near]),
            (traffic(200, 0, up=200, down=0), [near]),
            (traffic(900, 0, up=900, down=0), [near]),
        ]
    )

    assert late == Used(700, 0)


def test_links_are_not_remembered_without_end() -> None:
    meter = Meter()
    meter.counted(traffic(0, 0, up=0, down=0), (), lan=False)
    for port in range(1, 4200):
        seen = traffic(port, 0, up=port, down=0)
        meter.counted(seen, [peer("10.0.0.2", up=1, port=port)], lan=False)

    assert len(meter._links) < 4200
    (last,) = [link for link in meter._links if link[2] == 4199]
    assert meter._links[last] == Used(1, 0)


def test_more_than_went_over_the_line_is_never_taken_off() -> None:
    (used,) = counted_free([(traffic(1000, 10, up=900, down=0), [peer("10.0.0.2", up=10**9)])])

    assert used == Used(0, 0)


def test_what_links_moved_before_the_own_network_was_free_has_counted() -> None:
    meter = Meter()
    meter.counted(traffic(1000, 0, up=1000, down=0), (), lan=True)

    began = meter.counted(traffic(1100, 0, up=1100, down=0), [peer("10.0.0.2", up=1100)], lan=False)
    after = meter.counted(traffic(1300, 0, up=1300, down=0), [peer("10.0.0.2", up=1300)], lan=False)

    assert (began, after) == (Used(100, 0), Used(0, 0))


def test_which_addresses_are_of_the_own_network() -> None:
    near = ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.3.4"]
    near += ["fd00::1", "fe80::1%eth0", "::ffff:192.168.0.1"]
    far = [
        "127.0.0.1",
        "::1",
        "172.32.0.1",
        "100.64.0.1",
        "8.8.8.8",
        "2001:db8::1",
        "::ffff:8.8.8.8",
    ]

    assert [host for host in near + far if is_lan(host)] == near


def test_counts_are_read_again(home: Home) -> None:
    UsageFile(home).save({"2026-11": Used(5, 7), "2026-10": Used(1, 2)})

    assert UsageFile(home).load() == {"2026-11": Used(5, 7), "2026-10": Used(1, 2)}


def test_a_torn_file_is_made_good_by_its_copy(home: Home) -> None:
    clock = [0.0]
    usage = UsageFile(home, monotonic=lambda: clock[0])
    usage.save({"2026-11": Used(5, 7)})
    clock[0] = 59
    usage.save({"2026-11": Used(6, 8)})
    for torn in (b"", b'{"v": 1, "months": {"2026-11": {"up": "six"', b'{"v": 1, "months": [1]}'):
        (home.root / "usage.json").write_bytes(torn)

        assert UsageFile(home).load() == {"2026-11": Used(5, 7)}

    clock[0] = 61
    usage.save({"2026-11": Used(9, 9)})
    (home.root / "usage.json").unlink()
    assert UsageFile(home).load() == {"2026-11": Used(9, 9)}


def test_nothing_that_is_no_count_is_read_as_one(home: Home) -> None:
    home.root.mkdir(parents=True)
    (home.root / "usage.json").write_text(
        '{"v": 1, "months": {"2026-09": {"up": -1, "down": 0}, "2026-10": {"up": true, "down": 0},'
        ' "2026-11": {"up": 3, "down": 4}, "2026-12": 5}}'
    )

    assert UsageFile(home).load() == {"2026-11": Used(3, 4)}


def test_old_months_are_let_go(home: Home) -> None:
    months = {
        f"20{year}-{month:02d}": Used(1, 1) for year in range(20, 26) for month in range(1, 13)
    }

    UsageFile(home).save(months)

    assert sorted(UsageFile(home).load()) == sorted(months)[-24:]
