"""Who may manage a server: roles, names, passwords, what is sent as proof. Nothing here waits or is kept."""

from gainstage.accounts.callers import OPERATOR, Caller, Known
from gainstage.accounts.names import folded, judged_name
from gainstage.accounts.passwords import Passwords, judged_password
from gainstage.accounts.proofs import csrf_of, digest_of, new_proof
from gainstage.accounts.roles import ADMIN, EDITOR, ROLES, VIEWER, Role, allows, judged_role
from gainstage.accounts.throttle import Throttle

__all__ = [
    "ADMIN",
    "EDITOR",
    "OPERATOR",
    "ROLES",
    "VIEWER",
    "Caller",
    "Known",
    "Passwords",
    "Role",
    "Throttle",
    "allows",
    "csrf_of",
    "digest_of",
    "folded",
    "judged_name",
    "judged_password",
    "judged_role",
    "new_proof",
]
