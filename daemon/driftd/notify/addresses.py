"""Which addresses a receiver may have. Rule: only public ones, unless a network or a host is listed in `allow`.

A receiver's name may lead anywhere, today or after its next look-up: into the own network, to the cloud's metadata
service, back to this machine. So it is the address at hand that is judged, at each connection.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

NAT64: Final = IPv6Network("64:ff9b::/96")
LOW_32_BITS: Final = 0xFFFF_FFFF


def refusal(host: str, address: str, allow: Sequence[str]) -> str | None:
    """Why nothing is sent to `address`, which `host` leads to; None where it may be.

    An entry of `allow` that is a network allows the addresses in it; one that is the name of the host allows what
    that name leads to, link-local addresses excepted: the metadata services of clouds are there.

    >>> refusal("hooks.example.org", "169.254.169.254", ["hooks.example.org"])
    '169.254.169.254 is a link-local address: add "169.254.169.254" to allow if it is meant'
    >>> refusal("127.0.0.1", "127.0.0.1", ["127.0.0.0/8"]) is None
    True
    """
    asked = ip_address(address.partition("%")[0])
    found = _innermost(asked)
    what = _what(found)
    if what is None or any(_is_in(one, entry) for entry in allow for one in (asked, found)):
        return None
    if not found.is_link_local and any(entry.lower() == host.strip("[]").lower() for entry in allow):
        return None
    return f'{address} is {what}: add "{address}" to allow if it is meant'


def literal(host: str) -> str | None:
    """`host` as an address, None where it is a name."""
    try:
        return str(ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def _is_in(address: Address, entry: str) -> bool:
    try:
        return address in ip_network(entry, strict=False)
    except ValueError:
        return False


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, through any tunnel or translator; itself where it is none."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and address in NAT64:
        inner = IPv4Address(int(address) & LOW_32_BITS)
    return address if inner is None else inner


def _what(address: Address) -> str | None:
    """What an address is that is not public; None where it is."""
    for is_it, name in (
        (address.is_loopback, "a loopback address"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (address.is_unspecified, "no address to send to"),
        (address.is_private, "a private address"),
        (not address.is_global, "no public address"),
    ):
        if is_it:
            return name
    return None
