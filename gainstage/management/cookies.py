"""The cookie of a session: what it is called, who may read it, and where browsers send it.

`HttpOnly`, so that no script reads it. `SameSite=Lax`: with `Strict` who follows a link from an alert would
find themselves logged out; what changes something needs the session's CSRF token beside the cookie.
"""

from typing import Any

from gainstage.ingest.address import Address, address_asked

NAME = "gainstage_session"
LONGEST_COOKIE = 512


class Cookies:
    """Reads and writes it. `public`: where browsers reach this server, if its operator said so."""

    def __init__(self, public: Address | None = None) -> None:
        self._public = public

    def read(self, scope: Any) -> str | None:
        """What the browser sends; only under the name that this server would give it."""
        name = self._name(scope)
        for header, value in scope["headers"]:
            if header != b"cookie":
                continue
            for part in value.decode("latin-1").split(";"):
                key, _, content = part.strip().partition("=")
                if key == name and 0 < len(content) <= LONGEST_COOKIE:
                    return str(content)
        return None

    def given(self, scope: Any, proof: str) -> str:
        """The header that gives it to the browser, until that is closed or the session ends."""
        return f"{self._name(scope)}={proof}; {self._attributes(scope)}"

    def taken(self, scope: Any) -> str:
        """The header that takes it away."""
        return f"{self._name(scope)}=; Max-Age=0; {self._attributes(scope)}"

    def _attributes(self, scope: Any) -> str:
        secure = "; Secure" if self._is_https(scope) else ""
        return f"Path={self._path}; HttpOnly; SameSite=Lax{secure}"

    @property
    def _path(self) -> str:
        return (self._public.prefix if self._public else "") or "/"

    def _is_https(self, scope: Any) -> bool:
        return (self._public or address_asked(scope)).scheme == "https"

    def _name(self, scope: Any) -> str:
        """With a prefix that keeps browsers from taking it over plain http, or from another host's page."""
        if not self._is_https(scope):
            return NAME
        return f"__Host-{NAME}" if self._path == "/" else f"__Secure-{NAME}"
