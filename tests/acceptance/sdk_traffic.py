"""A process that sends one call of each type with a real SDK: `sdk_traffic SDK ADDRESS GZIP`.

Prints what the SDK reported as failed, one line each.
"""

import sys
from typing import Any

CALLS = ("identify", "track", "group", "page", "screen", "alias")


def client(sdk: str, address: str, gzip: bool) -> Any:
    """The SDK's client, as an application makes it."""
    if sdk == "segment":
        from segment.analytics.client import Client
    else:
        from rudderstack.analytics.client import Client
    return Client(
        "site-key", host=address, gzip=gzip, max_retries=3, on_error=lambda error, _: print(repr(error))
    )


def main(sdk: str, address: str, gzip: bool) -> None:
    sender = client(sdk, address, gzip)
    sender.identify("ann", {"email": "ann@acme.com", "name": "Ann Ö"})
    sender.track("ann", "Report Exported", {"pages": 3, "format": None})
    sender.group("ann", "acme", {"name": "Acme", "employees": 40})
    sender.page("ann", "Docs", "Home", {"url": "https://acme.com/"})
    sender.screen("ann", "App", "Start", {})
    sender.alias("anonymous-1", "ann")
    sender.flush()
    sender.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "gzip")
