"""What somebody may do: each role may do all that the one before it may."""

from typing import Literal

from gainstage.errors import UsageError

Role = Literal["viewer", "editor", "admin"]
VIEWER: Role = "viewer"
EDITOR: Role = "editor"
ADMIN: Role = "admin"
#: From the least to the most.
ROLES: tuple[Role, ...] = (VIEWER, EDITOR, ADMIN)


def allows(role: str, least: Role) -> bool:
    """Whether who has a role may do what at least another is needed for. A role that is none may nothing."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(least)


def judged_role(text: str) -> Role:
    """The role of this name.

    Raises:
        UsageError: there is none.
    """
    if text not in ROLES:
        raise UsageError(f"There is no role {text[:40]}: choose one of {', '.join(ROLES)}.")
    return next(role for role in ROLES if role == text)
