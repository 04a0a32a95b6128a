"""A process that sends with a real Python SDK: `traffic JOB`. What a job is stands in `servers.py`.

Prints what the SDK reported as failed, one line each.
"""

import json
import sys
from typing import Any


def client(job: dict[str, Any]) -> Any:
    """The SDK's client, as an application makes it."""
    if job["sdk"] == "segment-python":
        from segment.analytics.client import Client
    else:
        from rudderstack.analytics.client import Client
    return Client(
        job["key"], host=job["address"], on_error=lambda error, _: print(repr(error)), **job["options"]
    )


def send_kinds(sender: Any) -> None:
    """One call of each kind."""
    sender.identify("ann", {"email": "ann@acme.com", "name": "Ann Ö"})
    sender.track("ann", "Report Exported", {"pages": 3, "format": None})
    sender.group("ann", "acme", {"name": "Acme", "employees": 40})
    sender.page("ann", "Docs", "Home", {"url": "https://acme.com/"})
    sender.screen("ann", "App", "Start", {})
    sender.alias("anonymous-1", "ann")


def main(job: dict[str, Any]) -> None:
    sender = client(job)
    if job["tracks"]:
        for number in range(job["tracks"]):
            sender.track("ann", "Report Exported", {"number": number})
    else:
        send_kinds(sender)
    if not job["leaves"]:
        sender.shutdown()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
