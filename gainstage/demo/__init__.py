"""The demo: sandbox, server and a small story through the real SDKs, shown from the outside.

Everything runs as its users run it: processes of their own, the published SDK packages, the command line's
own reports. Nothing here knows how events are delivered.
"""

from gainstage.demo.run import run

__all__ = ["run"]
