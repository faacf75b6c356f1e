"""Which addresses a crawler may connect to: public ones, whatever name, spelling or redirect leads there.

Asked when the socket is made, of the address that it will connect to. A check of the name or of an earlier look-up
misses addresses written as numbers, redirects, and servers that answer the second look-up differently.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""RFC 6052 and 8215: the last four bytes are an IPv4 address, and Python calls all of the first global."""
COMPATIBLE = IPv6Network("::/96")
"""Deprecated (RFC 4291), but systems still route `::127.0.0.1`."""
PORTS = (80, 443)


class ForbiddenAddress(OSError):
    """A connection that a crawler must not open."""


class Guard:
    """Makes the sockets of aiohttp's connector, or refuses to."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed`: networks that may be crawled though they are private, on any port; for intranets and tests."""
        self._allowed = [ip_network(network, strict=False) for network in allowed]

    def __call__(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, target = info
        if reason := self.refusal(str(target[0]), int(target[1])):
            raise ForbiddenAddress(reason)
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def refusal(self, address: str, port: int) -> str | None:
        """Why there is no connecting to this address; None if there is."""
        outer = ip_address(address.partition("%")[0])
        if any(outer.version == network.version and outer in network for network in self._allowed):
            return None
        if any(not is_public(one) for one in (outer, *embedded(outer))):
            return f"{address} is no public address"
        return None if port in PORTS else f"port {port} is none of {', '.join(map(str, PORTS))}"


def is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in COMPATIBLE or any(address in network for network in NAT64):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
