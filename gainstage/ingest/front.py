"""What stands before this process and beside it, as its operator says; nothing that sources share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gainstage.ingest.address import Address, public_address
from gainstage.ingest.analytics_js import AnalyticsJs
from gainstage.ingest.proxies import Proxies, trusted_proxies


@dataclass(frozen=True)
class Front:
    """By default nothing: no proxy is trusted, SDKs hear the address they asked at, no script is there."""

    proxies: Proxies = field(default_factory=Proxies)
    #: None to tell each asker the address that it asked at.
    public_address: Address | None = None
    analytics_js: AnalyticsJs = field(default_factory=AnalyticsJs)

    @classmethod
    def of(cls, proxies: Iterable[str], public_url: str | None, analytics_js: Path | None) -> "Front":
        """As the options of `gainstage serve` say it.

        Raises:
            UsageError: one of them cannot be used.
        """
        return cls(
            trusted_proxies(proxies),
            public_address(public_url) if public_url else None,
            AnalyticsJs(analytics_js),
        )
