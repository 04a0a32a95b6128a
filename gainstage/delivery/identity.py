"""Identity memory: what earlier events said of a user. The one stateful step before mapping."""

import copy
from typing import Any

import msgspec

from gainstage.event import Event, Identity
from gainstage.store.contract import Intake
from gainstage.store.rows import KnownUser


def keys(event: Event) -> tuple[str, ...]:
    """The rows of identity memory that this event is about."""
    found = []
    if event.user_id:
        found.append(f"u:{event.user_id}")
    if event.anonymous_id:
        found.append(f"a:{event.anonymous_id}")
    return tuple(found)


def resolve(intake: Intake, event: Event) -> Identity:
    """What is known of the event's user, from the events before it."""
    user = intake.user(f"u:{event.user_id}") if event.user_id else None
    device = _device(intake, event)
    user_id = event.user_id or (device.user_id if device else "")
    if user is None and user_id:
        user = intake.user(f"u:{user_id}")
    if user is not None and user.user_id and not user.email:
        user = intake.user(f"u:{user.user_id}") or user
    return Identity(
        user_id=user_id,
        email=(user.email if user else "") or (device.email if device else ""),
        account=(user.account if user else "") or (device.account if device else ""),
    )


def watched(intake: Intake, event: Event) -> tuple[str, ...]:
    """The rows whose news may bring what the event lacks: its own, and those that they lead to."""
    found = dict.fromkeys(keys(event))
    device = _device(intake, event)
    if device is not None and device.user_id:
        found[f"u:{device.user_id}"] = None
    for key in tuple(found):
        known = intake.user(key) if key.startswith("u:") else None
        if known is not None and known.user_id:
            found[f"u:{known.user_id}"] = None
    return tuple(found)


def learn(intake: Intake, event: Event) -> tuple[str, ...]:
    """Remember what the event says. Returns the rows for which an e-mail became known or a user was found."""
    email, account = _email(event), _account(event)
    owner = intake.user(f"u:{event.user_id}") if event.user_id else None
    joins = event.anonymous_id or event.kind == "alias" or (owner is not None and owner.user_id)
    if not email and not account and not joins:
        return ()
    stamp = event.stamp
    news: list[str] = []
    for key in keys(event):
        known = intake.user(key)
        after = _updated(known, email, account, stamp)
        if key.startswith("a:") and event.user_id:
            if _is_anothers(known, event):
                after = _updated(KnownUser(), email, account, stamp)
            after.user_id = event.user_id
            if owner is None or not owner.email:
                _inherit(intake, event.user_id, after, news)
        elif key.startswith("u:") and after.user_id:  # an alias: the old id still learns for the new one
            _inherit(intake, after.user_id, after, news)
        if known is None or after != known:
            if not (known is None and after == KnownUser()):
                intake.remember(key, after)
            if after.email != (known.email if known else "") or after.user_id != (
                known.user_id if known else ""
            ):
                news.append(key)
    if event.kind == "alias" and event.previous_id:
        _alias(intake, event, news)
    return tuple(dict.fromkeys(news))


def learn_correction(intake: Intake, event: Event) -> tuple[str, ...]:
    """Remember what a corrected event says of its user, as `learn` does; learning it again changes nothing.

    Whose device it is, it does not say anew: another user may have been seen with it since.
    """
    if event.kind == "alias":
        return ()
    return learn(intake, msgspec.structs.replace(event, anonymous_id="") if event.user_id else event)


def _device(intake: Intake, event: Event) -> KnownUser | None:
    """What is known of the event's device, unless it was another user's: that one's values are not theirs."""
    device = intake.user(f"a:{event.anonymous_id}") if event.anonymous_id else None
    return None if _is_anothers(device, event) else device


def _is_anothers(device: KnownUser | None, event: Event) -> bool:
    return bool(device and event.user_id and device.user_id not in ("", event.user_id))


def _copy(known: KnownUser | None) -> KnownUser:
    return copy.copy(known) if known is not None else KnownUser()


def _updated(known: KnownUser | None, email: str, account: str, stamp: bytes) -> KnownUser:
    after = _copy(known)
    known = known or after
    if email and stamp >= known.email_stamp:
        after.email, after.email_stamp = email, stamp
    if account and stamp >= known.account_stamp:
        after.account, after.account_stamp = account, stamp
    return after


def _inherit(intake: Intake, user_id: str, device: KnownUser, news: list[str]) -> None:
    """A user without an e-mail of their own takes what was known of the device before they were known."""
    if not device.email:
        return
    key = f"u:{user_id}"
    user = _copy(intake.user(key))
    if not user.email:
        user.email, user.email_stamp = device.email, device.email_stamp
        user.account = user.account or device.account
        user.account_stamp = user.account_stamp or device.account_stamp
        intake.remember(key, user)
        news.append(key)


def _alias(intake: Intake, event: Event, news: list[str]) -> None:
    """previousId and userId are one: each learns the e-mail that the other has."""
    if not event.user_id:
        return
    new = _copy(intake.user(f"u:{event.user_id}"))
    previous = [f"u:{event.previous_id}", f"a:{event.previous_id}"]
    if event.previous_id == event.user_id:  # whom they lead to is not themselves
        del previous[0]
    for key in previous:
        old = _copy(intake.user(key))
        if old.email and not new.email:
            new.email, new.email_stamp = old.email, old.email_stamp
            intake.remember(f"u:{event.user_id}", new)
            news.append(f"u:{event.user_id}")
        if old.user_id != event.user_id:
            old.user_id = event.user_id
            intake.remember(key, old)
            news.append(key)


def _email(event: Event) -> str:
    value: Any = event.traits.get("email") if event.kind == "identify" else None
    value = value or event.context_traits.get("email")
    return value.strip() if isinstance(value, str) and "@" in value else ""


def _account(event: Event) -> str:
    if event.kind == "group":
        return event.group_id
    value = event.traits.get("accountId") if event.kind == "identify" else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
