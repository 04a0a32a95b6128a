"""`python -m gainstage_sandbox --port P`."""

from __future__ import annotations

import argparse
import sys

from gainstage_sandbox.behaviour import switch_table
from gainstage_sandbox.server import ListenError, serve


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gainstage_sandbox",
        description="A stand-in for Gainsight CS, Gainsight PX and the clickstream endpoint.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8090, help="port; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--switches", action="store_true", help="print the behaviour switches as Markdown")
    options = parser.parse_args(arguments)
    if options.switches:
        print(switch_table())
        return 0
    try:
        serve(options.host, options.port)
    except ListenError as error:
        print(f"{error} Choose another one with --port.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
