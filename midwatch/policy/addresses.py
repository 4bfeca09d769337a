"""Permissions: may this machine connect to that address on a stranger's word? Only to public ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
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
        return known.is_global and not known.is_multicast and not known.is_reserved
    if known.scope_id is not None:
        return False
    if known.ipv4_mapped is not None:
        return address_is_public(known.ipv4_mapped)
    if known in _NAT64:
        return address_is_public(IPv4Address(int(known) & _LOW_32_BITS))
    carried = [known.sixtofour, *(known.teredo or ())]
    if not all(address_is_public(inner) for inner in carried if inner is not None):
        return False
    return known in _GLOBAL_UNICAST and known.is_global
