"""Tools: which hosts can it reach at all? Those that the operator's rules name, at addresses that may be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from midwatch.policy.addresses import address_is_public
from midwatch.policy.requests import request_pattern
from midwatch.policy.urls import Url
from midwatch.spec import Rule, Rules

INTERNAL: Final = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""Where an organisation's own servers are."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its addresses, best first; raises OSError where there is none."""


def allowed_hosts(rules: Rules) -> frozenset[str]:
    """The hosts of the allow and ask rules for `http_request`: exact names, `*.suffix`, or `*` for every public host."""
    return frozenset(host for rule in (*rules.allow, *rules.ask) for host in _hosts(rule))


def _hosts(rule: Rule) -> Iterator[str]:
    if isinstance(rule, str):
        if rule == "http_request":
            yield "*"
        return
    pattern = rule.get("http_request")
    for text in pattern if isinstance(pattern, list) else [pattern]:
        try:
            yield request_pattern(str(text)).host
        except ValueError:
            continue  # the policy says what is wrong with it


def is_allowed(host: str, hosts: Collection[str]) -> bool:
    """An exact name, under a `*.suffix`, or anything where `*` is allowed."""
    return host in hosts or "*" in hosts or any(name.startswith("*.") and host.endswith(name[1:]) for name in hosts)


def may_connect(url: Url, address: str, hosts: Collection[str]) -> bool:
    """Public addresses always; those of an internal network only where a rule names that very host.

    A name in the public DNS can point anywhere, so this machine itself and the link (where clouds keep their secrets) stay
    out of reach unless the rule names the address itself or a name like `localhost`.
    """
    if address_is_public(address):
        return True
    internal = "%" not in address and any(ip_address(address) in network for network in INTERNAL)
    return url.host in hosts and (url.is_private or internal)


async def resolve_host(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return unique(str(entry[4][0]) for entry in found)


def unique(addresses: Iterable[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(addresses))
