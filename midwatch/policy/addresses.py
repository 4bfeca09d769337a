"""Permissions: may this machine connect to that address on a stranger's word? Only to public ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
)
"""IANA's special-purpose registry, multicast and reserved space; the last is where a cloud keeps its machines' secrets.

Written out, because what Python's `is_global` says of some of them changes with its version.
"""
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOW_32_BITS: Final = 0xFFFF_FFFF


def address_is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """The address, and every IPv4 address that it carries inside, belongs to the public internet.

    False for loopback, private, link-local, shared (CGNAT), multicast, reserved and unspecified ones, for documentation
    ranges, and for text that is no address. The HTTP tool asks it for every address before it connects.
    """
    try:
        known = ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return False
    if isinstance(known, IPv4Address):
        return not any(known in network for network in _NOT_PUBLIC_4)
    if known.scope_id is not None:
        return False
    if known.ipv4_mapped is not None:
        return address_is_public(known.ipv4_mapped)
    if known in _NAT64:
        return address_is_public(IPv4Address(int(known) & _LOW_32_BITS))
    if known.sixtofour is not None:
        return address_is_public(known.sixtofour)
    return known in _GLOBAL_UNICAST and not any(known in network for network in _NOT_PUBLIC_6)


def in_network(address: str, network: IPv4Network | IPv6Network) -> bool:
    """`address` is one of `network`, also where it is an IPv4 address written as an IPv6 one."""
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return known.version == network.version and known in network
