"""Which addresses calls may go to: those of the internet, of this machine, and of networks that are allowed.

Whoever may edit settings chooses the host that is called. A name that leads into a private network would let
such a person reach what only this machine can reach, a cloud's metadata service for one. Private is what
IANA's registries of special-purpose addresses do not call globally reachable. This machine's own addresses
are for the sandbox and for proxies on it.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gainstage.errors import UsageError

VARIABLE = "GAINSTAGE_ALLOWED_NETWORKS"
#: IPv4 addresses as translators write them [RFC 6052].
TRANSLATED = IPv6Network("64:ff9b::/96")

Network = IPv4Network | IPv6Network


def allowed_networks(environment: Mapping[str, str]) -> tuple[Network, ...]:
    """The networks that whoever runs this allows, from `GAINSTAGE_ALLOWED_NETWORKS`.

    Raises:
        UsageError: the variable cannot be read.
    """
    found = []
    for text in environment.get(VARIABLE, "").replace(",", " ").split():
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise UsageError(
                f"{VARIABLE} holds {text!r}, which is no network: write addresses or networks such as "
                "10.1.0.0/16, separated by commas."
            ) from None
    return tuple(found)


def may_be_called(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether calls may go to an IP address."""
    address = _plain(ip_address(text.partition("%")[0]))
    if address.is_loopback or any(address in network for network in allowed):
        return True
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not address.is_multicast and not site_local


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
