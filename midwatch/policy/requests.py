"""Permissions: may this HTTP request be sent? Method, URL and headers, and the rules that speak of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from midwatch.calls import Call
from midwatch.policy.addresses import address_is_public
from midwatch.policy.reading import COVERED, NOT_COVERED, Cover, PolicyContext, Reading, Refusal
from midwatch.policy.urls import PORTS, Url, loose_paths, read_url

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

_RULE: Final = re.compile(
    r"(?P<method>[A-Z]+|\*) (?P<scheme>https?|\*)://(?P<host>\*|(?:\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[^?#]*)?"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_STEERING: Final = re.compile(
    r"host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|forwarded|via"
    r"|x-forwarded-.*|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override|proxy-.*",
    re.IGNORECASE,
)
"""Headers that make somebody on the way see another host, path, method or length than the URL says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an allow rule must cover."""

    method: str
    url: Url
    astray: bool = False
    """The host's name looks public, and DNS gave an address that is not."""

    def __str__(self) -> str:
        return f"{self.method} {self.url.scheme}://{self.url.host}{self.url.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPattern:
    """`GET https://api.example.com/v1/**`."""

    method: str
    """`*`: any."""
    scheme: str
    host: str
    """`*`: every public host; `*.name`: one or more labels under it."""
    port: int | None
    """None: the scheme's own."""
    path: re.Pattern[str] | None
    """None: any path."""
    loose: re.Pattern[str] | None

    def covers(self, part: Request) -> Cover:
        if not self._reaches(part) or not (self.path is None or self.path.fullmatch(part.url.clean or "")):
            return NOT_COVERED
        if part.astray:
            return Cover(held=False, why_not=f"{part.url.host} resolves to an address that is not public")
        if part.url.is_private and part.url.host != self.host:
            return Cover(held=False, why_not=f"{part.url.host} is not public, and only a rule that names it opens it")
        return COVERED

    def catches(self, sight: Request) -> bool:
        if not self._reaches(sight):
            return False
        return self.loose is None or any(self.loose.fullmatch(path) for path in loose_paths(sight.url.path))

    def _reaches(self, request: Request) -> bool:
        url = request.url
        if self.method not in ("*", request.method) or self.scheme not in ("*", url.scheme):
            return False
        if url.port != (self.port or PORTS[url.scheme]):
            return False
        if self.host.startswith("*."):
            return url.host.endswith(self.host[1:])
        return self.host in ("*", url.host)


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
    if not host.startswith("*"):
        host = read_url(f"https://{host}/").host
    anywhere = path == "/**"
    exact = None if anywhere else _path(path)
    return RequestPattern(
        method=match["method"],
        scheme=match["scheme"],
        host=host,
        port=int(match["port"]) if match["port"] else None,
        path=exact,
        loose=None if exact is None else re.compile(exact.pattern, re.IGNORECASE | re.DOTALL),
    )


def _path(path: str) -> re.Pattern[str]:
    """`**` any rest or any part with slashes, `*` within one segment."""
    under = path.endswith("/**")
    body = path.removesuffix("/**")
    pieces = [re.escape(piece).replace(r"\*", "[^/]*") for piece in body.split("**")]
    return re.compile(".*".join(pieces) + ("(?:/.*)?" if under else ""), re.DOTALL)


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
        inside = not all(address_is_public(address) for address in context.addresses)
        request = Request(method=method.upper(), url=known, astray=inside and not known.is_private)
        return Reading(
            parts=(request,),
            sights=(request,),
            refusal=_headers(call.args.get("headers")),
            uncovered="deny" if inside or known.is_private else "ask",
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
    if headers is None:
        return None
    if not isinstance(headers, Mapping):
        return Refusal(rule="builtin.header", why="`headers` must be an object of names and texts")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not isinstance(value, str) or not _VALUE.fullmatch(value):
            return Refusal(rule="builtin.header", why=f"the header {name!r} is not one name and one line of text")
        if _STEERING.fullmatch(name):
            return Refusal(rule="builtin.header", why=f"the header {name!r} is the client's own to set")
    return None
