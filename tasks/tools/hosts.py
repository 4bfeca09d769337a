"""Tools: which hosts can it reach at all? Those that the operator's rules name, at addresses that may be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache

from midwatch.policy.requests import PRIVATE, Request, RequestPattern, request_pattern
from midwatch.policy.urls import Url, read_url
from midwatch.spec import Rule, Rules

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its addresses, best first; raises OSError where there is none."""


def allowed_hosts(rules: Rules) -> frozenset[str]:
    """The hosts of the allow and ask rules for `http_request`, as the rules name them.

    Exact names, `*.suffix`, `*` for every public host, with `... at 10.20.0.0/16` where the rule names a network. A rule that
    denies `{private}` leaves none of the internal ones.
    """
    named = [pattern for rule in (*rules.allow, *rules.ask) for pattern in _patterns(rule)]
    if any(pattern.host == PRIVATE for rule in rules.deny for pattern in _patterns(rule)):
        named = [replace(pattern, network=None) for pattern in named if not _is_inside(pattern)]
    return frozenset(pattern.host + (f" at {pattern.network}" if pattern.network else "") for pattern in named)


def _is_inside(pattern: RequestPattern) -> bool:
    host = f"[{pattern.host}]" if ":" in pattern.host else pattern.host
    return pattern.host == PRIVATE or ("*" not in host and read_url(f"https://{host}/").is_private)


def _patterns(rule: Rule) -> Iterator[RequestPattern]:
    if isinstance(rule, str):
        if rule == "http_request":
            yield _pattern("*")
        return
    pattern = rule.get("http_request")
    for text in pattern if isinstance(pattern, list) else [pattern]:
        try:
            yield request_pattern(str(text))
        except ValueError:
            continue  # the policy says what is wrong with it


@cache
def _pattern(host: str) -> RequestPattern:
    """Any request to `host`, which is one of `allowed_hosts`."""
    name, at, network = host.partition(" at ")
    return request_pattern(f"* *://{f'[{name}]' if ':' in name else name}/**{at}{network}")


def is_allowed(url: Url, hosts: Collection[str]) -> bool:
    """A rule names the host, by its name, its suffix or as one of many."""
    return any(_pattern(host).names(Request(method="GET", url=url)) for host in hosts)


def may_connect(url: Url, address: str, hosts: Collection[str]) -> bool:
    """A rule names the host, and by the policy's own measure (`RequestPattern.opens`) opens this address of it."""
    request = Request(method="GET", url=url, addresses=(address,))
    return any(_pattern(host).names(request) and _pattern(host).opens(url, address) for host in hosts)


async def resolve_host(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return unique(str(entry[4][0]) for entry in found)


def unique(addresses: Iterable[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(addresses))
