"""The management API: the operations of the command line over HTTP, as JSON, for whoever has the token.

Views are thin: what they do is in `app`, and the command line does the same. No rule lives here but those of
HTTP: who may ask, what a request must look like, which status an answer has.
"""

from gainstage.management.access import Access, read_token
from gainstage.management.application import Management

__all__ = ["Access", "Management", "read_token"]
