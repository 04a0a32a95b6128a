"""A process with Segment's SDK for Python that stays: a track for each line of its input.

Prints, as a JSON list for each line, what the SDK reported as failed.
"""

import json
import sys

from segment.analytics.client import Client


def main(write_key: str, address: str, options: str) -> None:
    failed: list[str] = []
    client = Client(
        write_key, host=address, on_error=lambda error, _: failed.append(str(error)), **json.loads(options)
    )
    for line in sys.stdin:
        client.track("ann", line.strip())
        client.flush()
        print(json.dumps(failed), flush=True)
        failed.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])
