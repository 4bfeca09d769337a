"""Permissions: where does a request go, and does a URL rule speak of it?

The grammar here is the part of URLs that every parser reads alike: printable, no user, no backslash, a host of plain
labels or one canonical address, a port in plain digits. What is outside it is never allowed. No name is resolved here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote

import idna

from midwatch.policy.addresses import address_is_public

PORTS: Final = {"http": 80, "https": 443}
MAX_LENGTH: Final = 8192

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.IGNORECASE | re.ASCII,
)
_LABELS: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NEVER: Final = frozenset('\\"<>^`{|}')
"""Before the query; there, they change nothing about where the request goes."""
_UNRESERVED: Final = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_AMBIGUOUS: Final = re.compile(r"%(?:2f|5c|25|2e|3b)|//|%(?![0-9a-f]{2})", re.IGNORECASE)
_CONTROL: Final = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_INSIDE: Final = (".localhost", ".localdomain", ".local", ".internal", ".home.arpa")
"""Names that no public server has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One URL that every parser reads alike."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    path: str
    """As spelled, beginning with `/`."""
    clean: str | None
    """Dot segments removed; None where servers differ in what they make of the path."""

    @property
    def is_address(self) -> bool:
        """The host is an address, not a name."""
        return ":" in self.host or _NUMERIC.fullmatch(self.host.rpartition(".")[2]) is not None

    @property
    def is_private(self) -> bool:
        """The host is by itself, without asking DNS, on this machine or an internal network."""
        if self.is_address:
            return not address_is_public(self.host)
        return "." not in self.host or self.host.endswith(_INSIDE)


def read_url(text: str) -> Url:
    """Raises ValueError: parsers differ in what they make of `text`, or it is no HTTP URL; says why."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    routing = re.split(r"[?#]", text, maxsplit=1)[0]
    odd = (character for character in text if _is_odd(character) or (character in _NEVER and character in routing))
    if wrong := next(odd, None):
        raise ValueError(f"it holds {wrong!r}, which programs read differently: percent-encode it")
    match = _URL.fullmatch(text)
    if not match:
        raise ValueError("it is not of the form http(s)://host/path (no user, no odd port, no name outside ASCII)")
    scheme = match["scheme"].lower()
    port = int(match["port"] or PORTS[scheme])
    if port > 65535:
        raise ValueError(f"there is no port {port}")
    path = match["path"] or "/"
    if _CONTROL.search(path):
        raise ValueError("its path holds an encoded control character")
    return Url(scheme=scheme, host=_host(match["host"].lower()), port=port, path=path, clean=_cleaned(path))


def _is_odd(character: str) -> bool:
    if character.isascii():
        return character == " " or not character.isprintable()
    plain = unicodedata.normalize("NFKC", character)
    return not character.isprintable() or any(other.isascii() and not other.isalnum() for other in plain)


def _host(host: str) -> str:
    if host.startswith("["):
        address = host[1:-1]
        if str(IPv6Address(address)) != address and IPv6Address(address).ipv4_mapped is None:
            raise ValueError(f"the address {host} is not in its usual spelling")
        return str(IPv6Address(address))
    if _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return str(IPv4Address(host))
    if len(host) > 253 or not _LABELS.fullmatch(host):
        raise ValueError(f"{host!r} is not a host's name")
    for label in host.split("."):
        if label.startswith("xn--"):
            idna.ulabel(label)  # what stands for no letters is read by some parsers and refused by others
    return host


def _cleaned(path: str) -> str | None:
    """`path` without `.` and `..`; None where a server may decode or cut it further."""
    if _AMBIGUOUS.search(path) or _reads_differently(path):
        return None
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(_UNRESERVED.sub(_decoded, part) for part in kept)


def _reads_differently(path: str) -> bool:
    """A server that decodes it, drops blanks or `;parameters`, or folds letters sees other segments."""
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return True
    if any(_is_odd(character) for character in decoded if not character.isascii()):
        return True
    segments = decoded.split("/")
    climbs = any(segment.partition(";")[0].strip() in (".", "..") for segment in segments)
    return climbs and (";" in path or any(segment != segment.strip() for segment in segments))


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character.isascii() and (character.isalnum() or character in "-_~") else match[0].upper()


def loose_paths(path: str) -> tuple[str, ...]:
    """Every path that some server may make of `path`, in lower case: for ask and deny rules."""
    seen = [path]
    for _ in range(2):
        seen.append(unquote(seen[-1], errors="replace"))
    slashed = [re.sub(r"[\\/]+", "/", re.sub(r";[^/]*", "", spelled)) for spelled in seen]
    cleaned = [_cleaned(spelled.replace("%", "")) or spelled for spelled in slashed]
    return tuple({spelled.casefold(): None for spelled in (*seen, *slashed, *cleaned)})
