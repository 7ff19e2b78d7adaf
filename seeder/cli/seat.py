"""What commands stand on: the home, the shop meant, this device, and a line to the shop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from seeder.cli.keys import key_stores
from seeder.cli.output import say
from seeder.client import ShopClient, fetch_shop, make_http
from seeder.config import Home, ShopFolder, check_shop_url, utc_now
from seeder.device import DeviceKeys, load_device
from seeder.errors import (
    DeviceRemovedError,
    ItemNotFoundError,
    RootKeyChangedError,
    ShopAnswerError,
    ShopError,
    ShopUnreachableError,
)
from seeder.library import Library, load_library
from seeder.moving import using_store
from seeder.papers import Papers
from seeder.placement import open_store
from seeder.playback import Opener
from seeder.shops import Shop, load_shop, pin_shop
from seeder.standing import refresh_library
from seeder.store import Store
from seeder.tokens import Tokens

__all__ = ["Seat", "connect", "known_library", "open_seat", "persist", "reach", "reading"]


@dataclass(frozen=True, slots=True)
class Seat:
    """One device at one shop."""

    home: Home
    folder: ShopFolder
    shop: Shop
    device: DeviceKeys
    store: Store

    def papers(self, package: str) -> Papers:
        return Papers(self.folder, package, thumbprint=self.device.thumbprint, shop=self.shop)

    def opener(self, client: ShopClient | None) -> Opener:
        shop = client.shop if client is not None else self.shop
        return Opener(shop, self.folder, self.device, client, clock=utc_now)

    def here(self, package: str) -> bool:
        """Whether every byte of a package is on this machine."""
        return self.papers(package).complete and self.store.package_folder(package).is_dir()


def open_seat(shop_url: str | None) -> Seat:
    """The shop that is meant and this device's keys. Raises NotLoggedInError."""
    home = Home.from_environment(os.environ)
    site = check_shop_url(shop_url) if shop_url else home.chosen()
    folder = home.shop(site)
    shop = load_shop(folder)
    return Seat(home, folder, shop, load_device(folder, stores=key_stores()), open_store(folder))


@contextmanager
def reading(seat: Seat) -> Iterator[Seat]:
    """The seat while it reads from the store, which nobody moves meanwhile."""
    with using_store(seat.folder):
        yield replace(seat, store=open_store(seat.folder))


def connect(seat: Seat) -> ShopClient:
    """A line to the shop, to be closed; or the reason why there is none."""
    Tokens.load(seat.folder)
    with make_http(seat.shop.site) as http:
        shop = fetch_shop(seat.shop.site, http=http)
    if shop != seat.shop:
        shop = pin_shop(seat.folder, shop)  # new certificates under the same root
    return ShopClient(shop, seat.folder, seat.device)


def persist(seat: Seat) -> ShopClient:
    """A line to the shop, even if it is silent just now: whoever runs for days tries again."""
    try:
        return connect(seat)
    except (ShopUnreachableError, ShopAnswerError):
        return ShopClient(seat.shop, seat.folder, seat.device)


@contextmanager
def reach(seat: Seat) -> Iterator[ShopClient | None]:
    """A line to the shop if there is one; None to go on offline with what is here.

    Whoever answers with another root key is not this shop: it is told nothing, asked
    nothing, and takes nothing from what was bought of the shop that was here before.
    """
    try:
        client = connect(seat)
    except RootKeyChangedError as error:
        say(f"{error} What is on this machine still plays.")
        yield None
        return
    except ShopError:
        yield None
        return
    with client:
        yield client


def known_library(seat: Seat, client: ShopClient | None) -> tuple[Library, bool]:
    """The library and whether it is fresh; else the last copy. Raises where there is none."""
    if client is not None:
        now = utc_now()
        try:
            items = refresh_library(client, seat.folder, thumbprint=seat.device.thumbprint, now=now)
        except DeviceRemovedError:
            raise
        except ShopError:
            pass  # whatever else it answers: what is here is known all the same
        else:
            return Library(items, now), True
    copy = load_library(seat.folder)
    if copy is None:
        raise ItemNotFoundError(
            "The shop cannot be reached, and there is no copy of your library here yet. "
            "Try again when you are connected."
        )
    return copy, False
