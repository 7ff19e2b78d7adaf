from __future__ import annotations

import os
import time

import pytest

from seeder.session import TorrentState
from tests.swarm.conftest import OpenSession
from tests.swarm.content import Content, make_content

pytestmark = pytest.mark.swarm

MANY = 1000


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[Content]:
    place = tmp_path_factory.mktemp("many")
    return [make_content(place, [1000, 20_000], seed=seed) for seed in range(MANY)]


def test_a_thousand_torrents_end_in_order_within_five_seconds(
    contents: list[Content], open_session: OpenSession
) -> None:
    session = open_session("state")
    for content in contents:
        session.add(content.metainfo, content.save_path)
    session.wait_for(
        lambda torrents: all(torrent.state is TorrentState.SEEDING for torrent in torrents),
        timeout=120,
    )

    began = time.monotonic()
    session.close()
    took = time.monotonic() - began

    assert took < 5
    # In order means that nothing has to be hashed: bytes that were changed are not seen.
    changed = contents[500].file(1)
    times = changed.stat()
    changed.write_bytes(bytes(20_000))
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = open_session("state")
    for content in contents:
        again.add(content.metainfo, content.save_path)
    again.wait_for(
        lambda torrents: all(torrent.state is TorrentState.SEEDING for torrent in torrents),
        timeout=120,
    )
