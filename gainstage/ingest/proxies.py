"""Whose address a request comes from, as far as proxies that the operator trusts say so."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gainstage.errors import UsageError
from gainstage.ingest.asgi import Scope

Network = IPv4Network | IPv6Network

FORWARDED_FOR = b"x-forwarded-for"
#: Longer lists of proxies are nobody's.
HOPS_AT_MOST = 100


class Proxies:
    """The networks whose `X-Forwarded-For` is believed. Without any, nobody's is, and no address is told.

    Each proxy adds at the end the address that it was called from. So the list is read from its end, over the
    proxies that are trusted; what stands before the first other address was written by it and may be a lie.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._trusted = lru_cache(maxsize=4096)(self._is_trusted)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, scope: Scope) -> str:
        """The address of who sent the request through trusted proxies; "" if that is not known."""
        peer = scope.get("client")
        if not peer or not self._trusted(_address(peer[0])):
            return ""
        listed = b",".join(value for name, value in scope["headers"] if name == FORWARDED_FOR)
        found = ""
        for hop in reversed(listed.decode("latin-1").split(",")[-HOPS_AT_MOST:]):
            address = _address(hop)
            if not address:
                return found
            found = address
            if not self._trusted(address):
                return found
        return found

    def _is_trusted(self, address: str) -> bool:
        if not address:
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


def trusted_proxies(texts: Iterable[str]) -> Proxies:
    """The proxies that an operator names, each as an address or a network.

    Raises:
        UsageError: something is neither.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip()))
        except ValueError:
            raise UsageError(
                f"{text!r} is no address and no network of a proxy: "
                "write --trusted-proxy 10.0.0.7 or --trusted-proxy 10.0.0.0/8."
            ) from None
    return Proxies(networks)


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """An address in its usual form, without port, brackets and zone; "" if it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)
