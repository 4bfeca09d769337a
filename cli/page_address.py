"""The approval page: where is it, on this machine and for others? `MIDWATCH_PAGE_URL` names what an operator put before it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.home import ADDRESS, House
from cli.ports import port_in
from midwatch.errors import HouseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the page is: on this machine, and as the world sees it."""

    local: str
    public: str
    """The same where nobody named another (`MIDWATCH_PAGE_URL`)."""

    @property
    def origins(self) -> frozenset[str]:
        return frozenset({self.local, self.public})

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def secure(self) -> bool:
        return self.public.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the one that a login sets; a browser takes the first from a secure page alone."""
        return "__Host-midwatch" if self.secure else "midwatch"


def origin_of(url: str) -> str:
    """`https://host[:port]` of an address as an operator writes it.

    Raises:
        HouseError: it is no address of that kind.
    """
    parts = urlsplit(url.strip().lower())
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise HouseError(
            f"MIDWATCH_PAGE_URL is {url!r}: it has to be https://HOST or https://HOST:PORT, without a path"
        )
    usual = f":{443 if parts.scheme == 'https' else 80}"
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"


def page_address(house: House, environ: Mapping[str, str] = os.environ) -> Address:
    """Where the page is. Raises HouseError where it never was, or MIDWATCH_PAGE_URL is no address."""
    port = port_in(port_file(house))
    if port is None:
        raise HouseError("the approval page was never up: run `midwatch up` first")
    local = f"http://{ADDRESS}:{port}"
    named = environ.get("MIDWATCH_PAGE_URL")
    return Address(local=local, public=origin_of(named) if named else local)


def port_file(house: House) -> Path:
    """What keeps the page's port for every later start: links and proxies name it."""
    return house.home / "page.port"
