"""geobuk proof: what the shop's audit log says of a licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seeder.cli.output import JsonOption, ShopOption, emit, reporting

if TYPE_CHECKING:
    from seeder.proofs import Shown

__all__ = ["proof"]

ItemArgument = Annotated[
    str, typer.Argument(metavar="ITEM", help="Part of the title, or the name that library shows.")
]


def proof(item: ItemArgument, shop: ShopOption = None, as_json: JsonOption = False) -> None:
    """Check that the shop's log names your licence, and that nothing in it was rewritten."""
    with reporting(as_json):
        from seeder.cli.seat import connect, known_library, open_seat
        from seeder.errors import LicenceRefusedError
        from seeder.library import find_item
        from seeder.proofs import prove
        from seeder.stored import keep_proof
        from seeder.trust import certified_licence

        seat = open_seat(shop)
        with connect(seat) as client:
            known, _fresh = known_library(seat, client)
            found = find_item(known.items, item)
            papers = seat.papers(found.package)
            licence = papers.licence()
            if licence is None:
                raise LicenceRefusedError(
                    f"The licence of “{found.title}” is not on this machine. "
                    "Fetch it with: geobuk sync",
                    code="no_licence",
                )
            claims, _issuer = certified_licence(licence, client.shop)
            shown = prove(client, client.shop, seat.folder, licence, id_=claims.licence_id)
        if shown.under_root is not None:
            keep_proof(shown.under_root, papers)
        if as_json:
            emit(_json(shown, title=found.title, package=found.package))
        else:
            typer.echo(_tell(shown, title=found.title))


def _tell(shown: Shown, *, title: str) -> str:
    head, before, checkpoint = shown.log.head, shown.log.before, shown.log.checkpoint
    text = (
        f"The shop's log names your licence of “{title}”: entry {shown.index + 1} of "
        f"{head.tree_size}, signed on {head.issued_at.date()}."
    )
    if before is not None:
        text += (
            f" The log continues the one of {before.tree_size} entries that this machine saw "
            "before: nothing in that was changed."
        )
    else:
        text += " This machine remembers it, and will notice if anything in it is changed."
    if shown.under_root is not None and checkpoint is not None:
        text += f" The shop's root key has signed it too, on {checkpoint.issued_at.date()}."
    else:
        text += " The shop's root key has not signed this part of it yet."
    return text


def _json(shown: Shown, *, title: str, package: str) -> dict[str, object]:
    head, before, checkpoint = shown.log.head, shown.log.before, shown.log.checkpoint
    return {
        "title": title,
        "package": package,
        "index": shown.index,
        "size": head.tree_size,
        "signed_at": head.issued_at.isoformat(),
        "size_before": before.tree_size if before is not None else None,
        "checkpoint_size": checkpoint.tree_size if checkpoint is not None else None,
        "under_root": shown.under_root is not None,
    }
