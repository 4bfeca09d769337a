"""Permissions: may this HTTP request be sent? Method, URL and headers, and the rules that speak of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from midwatch.calls import Call
from midwatch.policy.addresses import address_is_public, in_network
from midwatch.policy.globs import starred
from midwatch.policy.reading import COVERED, NOT_COVERED, Cover, PolicyContext, Reading, Refusal
from midwatch.policy.urls import PORTS, Url, loose_paths, read_url

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

PUBLIC: Final = "{public}"
PRIVATE: Final = "{private}"

_RULE: Final = re.compile(
    r"(?P<method>[A-Z]+|\*) (?P<scheme>https?|\*)://"
    r"(?P<host>\*|\{public\}|\{private\}|(?:\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[^?# ]*)?(?: at (?P<network>[0-9a-f.:]+(?:/[0-9]{1,3})?))?"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
_STEERING: Final = re.compile(
    r"host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|forwarded|via"
    r"|x-forwarded-.*|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override|x-host|proxy-.*"
    r"|(?:x-|x-cluster-|true-)(?:client-|real-)ip",
    re.IGNORECASE,
)
"""Headers that make somebody on the way see another host, path, method, length or sender than there is."""

_CREDENTIAL: Final = re.compile(r"auth|cookie|token|secret|session|credential|password|key", re.IGNORECASE)
"""Names of headers that tell a server who is asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an allow rule must cover."""

    method: str
    url: Url
    addresses: tuple[str, ...] = ()
    """What DNS gave for the host; empty: not asked yet."""

    @property
    def known_at(self) -> tuple[str, ...]:
        """The addresses that its host has, as far as they are known."""
        return (self.url.host,) if self.url.is_address else self.addresses

    @property
    def leads_inside(self) -> bool:
        """To this machine or an internal network, by the host's name or by one of its addresses."""
        return self.url.is_private or not all(map(address_is_public, self.addresses))

    def __str__(self) -> str:
        return f"{self.method} {self.url.scheme}://{self.url.host}{self.url.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPattern:
    """`GET https://api.example.com/v1/**`, `GET https://wiki.corp.example/** at 10.20.0.0/16`."""

    method: str
    """`*`: any."""
    scheme: str
    host: str
    """`*`: every public host (in ask and deny rules: every host); `*.name`: one or more labels under it."""
    port: int | None
    """None: the scheme's own (in ask and deny rules: any)."""
    network: IPv4Network | IPv6Network | None
    """Where the host must be; None: on the public internet, unless `host` itself is an internal one."""
    path: re.Pattern[str] | None
    """None: any path."""
    loose: re.Pattern[str] | None

    def covers(self, part: Request) -> Cover:
        url = part.url
        if not self._reaches(part) or url.port != (self.port or PORTS[url.scheme]):
            return NOT_COVERED
        if self.path is not None and not self.path.fullmatch(url.clean or ""):
            return NOT_COVERED
        if url.is_private and not self._means_inside(url):
            return Cover(held=False, why_not=f"{url.host} is not public, and only a rule that names it opens it")
        if strange := [address for address in part.known_at if not self.opens(url, address)]:
            where = "outside of the network that it names" if self.network else "which is not public"
            return Cover(held=False, why_not=f"{url.host} is at {strange[0]}, {where}")
        return COVERED

    def catches(self, sight: Request) -> bool:
        if not self._reaches(sight) or self.port not in (None, sight.url.port):
            return False
        if self.network and sight.known_at and not any(in_network(a, self.network) for a in sight.known_at):
            return False
        return self.loose is None or any(self.loose.fullmatch(path) for path in loose_paths(sight.url.path))

    def names(self, request: Request) -> bool:
        """Its host is the request's host."""
        if self.host == PRIVATE:
            return request.leads_inside
        if self.host.startswith("*."):
            return request.url.host.endswith(self.host[1:])
        return self.host in ("*", request.url.host)

    def opens(self, url: Url, address: str) -> bool:
        """May a request to `url`, whose host this rule names, be sent to `address`?

        To public ones. To others where the rule says so: by its network, or because its host is itself an internal one. A name
        in the public DNS can point anywhere, so it alone opens nothing inside.
        """
        if self.network:
            return in_network(address, self.network)
        if self.host == PRIVATE:
            return not address_is_public(address)
        return address_is_public(address) or (url.is_private and self._means_inside(url))

    def _means_inside(self, url: Url) -> bool:
        return self.host in (url.host, PRIVATE) or self.network is not None

    def _reaches(self, request: Request) -> bool:
        if self.method not in ("*", request.method) or self.scheme not in ("*", request.url.scheme):
            return False
        return self.names(request)


class AnyPublic:
    """The bare `http_request` in an allow rule: whatever is not inside, at any port."""

    def covers(self, part: Request) -> Cover:
        if part.leads_inside:
            return Cover(held=False, why_not=f"{part.url.host} is not public, and only a rule that names it opens it")
        return COVERED

    def catches(self, _sight: Request) -> bool:
        return True


def request_pattern(text: str) -> RequestPattern:
    """Raises ValueError with what is wrong with `text`."""
    match = _RULE.fullmatch(text)
    if not match:
        raise ValueError(
            f"{text!r} is not of the form `GET https://api.example.com/**` (`*` for any method, scheme, host)"
        )
    host, path = match["host"], match["path"] or "/"
    if match["method"] != "*" and match["method"] not in METHODS:
        raise ValueError(f"{match['method']!r} is not a method: write one of {', '.join(sorted(METHODS))} or `*`")
    if host == PUBLIC:
        host = "*"
    elif not host.startswith("*") and host != PRIVATE:
        host = read_url(f"https://{host}/").host
    anywhere = path == "/**"
    exact = None if anywhere else _path(path)
    return RequestPattern(
        method=match["method"],
        scheme=match["scheme"],
        host=host,
        port=int(match["port"]) if match["port"] else None,
        network=ip_network(match["network"]) if match["network"] else None,
        path=exact,
        loose=None if exact is None else re.compile(exact.pattern, re.IGNORECASE | re.DOTALL),
    )


def _path(path: str) -> re.Pattern[str]:
    """`**` any rest or any part with slashes, `*` within one segment."""
    under = path.endswith("/**")
    body = path.removesuffix("/**")
    *early, last = [[re.escape(piece) for piece in part.split("*")] for part in body.split("**")]
    parts = [*(starred(pieces, "[^/]", then_anything=True) for pieces in early), starred(last, "[^/]")]
    return re.compile(starred(parts, ".") + ("(?:/.*)?" if under else ""), re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The family of `http_request`."""

    def read(self, call: Call, context: PolicyContext) -> Reading:
        method, url = call.args.get("method"), call.args.get("url")
        if not isinstance(method, str) or method.upper() not in METHODS:
            return _refused(f"`method` must be one of {', '.join(sorted(METHODS))}")
        if not isinstance(url, str):
            return _refused("`url` must be one text")
        try:
            known = read_url(url)
        except ValueError as error:
            if _is_foreign(url):
                return Reading(unclear=f"the host of {url[:200]!r} is not in ASCII; write it in its `xn--` form")
            return _refused(f"the URL {url[:200]!r} is never requested: {error}")
        request = Request(method=method.upper(), url=known, addresses=context.addresses)
        return Reading(
            parts=(request,),
            sights=(request,),
            refusal=_headers(call.args.get("headers", {})) or _carried_on(call, known, context.redirected_from),
            uncovered="deny" if request.leads_inside else "ask",
            target=f"{known.scheme}://{known.host}:{known.port}",
        )

    def pattern(self, text: str) -> RequestPattern:
        return request_pattern(text)

    def example(self, text: str) -> dict[str, Any]:
        method, _, url = text.partition(" ")
        return {"method": method, "url": url}

    def describe(self, part: Request) -> str:
        return f"`{part}`"


def _is_foreign(url: str) -> bool:
    """Nothing is wrong with it but letters outside ASCII in the host."""
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return scheme in PORTS and not host.isascii() and host.isprintable() and not re.search(r"[@:\\%\s]", host)


def _refused(why: str) -> Reading:
    return Reading(refusal=Refusal(rule="builtin.url", why=why))


def _headers(headers: object) -> Refusal | None:
    if not isinstance(headers, Mapping):
        return Refusal(rule="builtin.header", why="`headers` must be an object of names and texts")
    fault = next((fault for name, value in headers.items() if (fault := header_fault(name, value))), "")
    return Refusal(rule="builtin.header", why=fault) if fault else None


def _carried_on(call: Call, url: Url, redirected_from: str) -> Refusal | None:
    """On a redirect's hop: what was meant for one host goes to no other."""
    names = [name for name in call.args.get("headers", {}) if _CREDENTIAL.search(name)] if redirected_from else []
    if not names or _origin(redirected_from) == (url.scheme, url.host, url.port):
        return None
    why = f"the header {names[0]!r} was for {redirected_from[:200]!r}, and this is another place"
    return Refusal(rule="builtin.redirect", why=why)


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        known = read_url(url)
    except ValueError:
        return None
    return known.scheme, known.host, known.port


def header_fault(name: str, value: object) -> str:
    """Why a request may not carry this header; "" when it may."""
    if not _TOKEN.fullmatch(name) or not isinstance(value, str) or not _VALUE.fullmatch(value):
        return f"the header {name!r} is not one name and one line of ASCII text"
    return f"the header {name!r} is not a caller's to set" if _STEERING.fullmatch(name) else ""
