"""The sandbox beside a server: `python -m gainstage.cli.beside PORT`, for `serve` only.

It ends when its standard input does, whether the server was stopped or killed.
"""

import os
import sys
import threading

from gainstage_sandbox import ListenError, serve


def main() -> int:
    """Print the address, and serve until standard input ends; 1 where the port is somebody else's."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        serve("127.0.0.1", int(sys.argv[1]), on_start=lambda url: print(url, flush=True))
    except ListenError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # it keeps nothing


if __name__ == "__main__":
    sys.exit(main())
