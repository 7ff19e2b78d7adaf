"""The receipts of docs/protocol-v1.md are such as the library reads and the shop takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from drm import receipts
from drm.receipts import verify_receipts
from drm.signed import sign
from marketplace.distribution import errors
from marketplace.distribution.receipts import CHAINS_A_DAY
from tests.drm.house import DEVICE

TEXT = (Path(__file__).resolve().parents[3] / "docs/protocol-v1.md").read_text()
SECTION = TEXT.split("/swarm/receipts`\n")[1].split("\n## 5 ")[0]


def test_the_example_is_a_document() -> None:
    example = re.search(r"```json\n(\{\"v\": 1.*?)```", SECTION, re.DOTALL)
    assert example is not None
    claims = json.loads(example[1])

    read = verify_receipts(
        sign({**claims, "device": DEVICE.public.thumbprint}, key=DEVICE, kind=receipts.KIND),
        identity_public=DEVICE.public,
    )

    assert set(claims) == receipts.KNOWN - {"crit"}
    assert (read.link.sequence, read.previous) == (claims["seq"], claims["prev"])
    assert [[c.package_id, c.label, c.total] for c in (*read.receipts, *read.claims)] == [
        [c["package"], c["label"], c["bytes"]] for c in (*claims["receipts"], *claims["claims"])
    ]
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", SECTION, re.MULTILINE))))
    assert told >= set(claims) - {"v", "iat"}


def test_names_and_numbers_are_those_of_the_code() -> None:
    assert f'"typ":"{receipts.KIND}"' in SECTION
    assert f"at most {receipts.MAX_COUNTS}." in SECTION
    assert f"{receipts.CHAIN_BYTES} random bytes" in SECTION
    assert f"At most {CHAINS_A_DAY} chains" in SECTION
    assert f"409 `{errors.ReceiptsBrokenError.code}`" in SECTION
    assert f"422 `{errors.ReceiptsRefusedError.code}`" in SECTION
