"""The management API: the operations of the command line over HTTP, as JSON, for users and tokens by role.

Views are thin: what they do is in `app`, and the command line does the same. No rule lives here but those of
HTTP: who may ask, what a request must look like, which status an answer has.
"""

from gainstage.management.access import Access, read_token
from gainstage.management.application import Management
from gainstage.management.cookies import Cookies
from gainstage.management.entrance import Invitation

__all__ = ["Access", "Cookies", "Invitation", "Management", "read_token"]
