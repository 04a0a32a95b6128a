"""A stand-in for Gainsight CS, Gainsight PX and Segment's clickstream endpoint, built from their documents.

It shares no code with gainstage: what both got from one place, both could get wrong.
"""

from gainstage_sandbox.app import create_app
from gainstage_sandbox.gate import ConnectionCutError, Sandbox
from gainstage_sandbox.server import ListenError, Running, running, serve

__all__ = ["ConnectionCutError", "ListenError", "Running", "Sandbox", "create_app", "running", "serve"]
