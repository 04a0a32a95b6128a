"""A PX subscription: users, accounts, custom events, deny list, attributes. No HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gainstage_sandbox.behaviour import Behaviour
from gainstage_sandbox.px_fields import EVENT, SHAPES, Shape, wrong_attribute, wrong_value

REVIVAL_SECONDS = 7 * 86_400
UNLISTED = ("sfdcContactId", "globalUnsubscribe")
"""Attributes that are valid, but missing from the list."""
STOCK = {"user": (), "account": ({"apiName": "culture", "name": "Culture"},)}
"""Custom attributes that are listed without being seeded; the examples write them."""
Record = dict[str, Any]


class PxRefusalError(Exception):
    def __init__(self, status: int, word: str, message: str, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.word = word
        self.message = message
        self.wrong = wrong or {}
        """Field to what is wrong with it."""


class PxModel:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.records: dict[str, dict[str, Record]] = {"user": {}, "account": {}}
        self.attributes: dict[str, list[Record]] = {"user": [], "account": []}
        self.events: list[Record] = []
        self.denied: set[str] = set()
        self.pushed: set[str] = set()
        self._event_ids: set[str] = set()
        self._deleted: dict[str, tuple[float, Record]] = {}

    @property
    def users(self) -> dict[str, Record]:
        return self.records["user"]

    @property
    def accounts(self) -> dict[str, Record]:
        return self.records["account"]

    def create(self, kind: str, body: Record, now: float) -> Record:
        shape = SHAPES[kind]
        clean = self._check(kind, shape, body, shape.required)
        key = clean[shape.id]
        if key in self.records[kind]:
            raise PxRefusalError(
                400, "BAD_REQUEST", f"{shape.title} already exists for parameters {{id={key}}}"
            )
        record = self._new(kind, key, now)
        record.update(clean)
        self.records[kind][key] = record
        return record

    def update(self, kind: str, key: str, body: Record, now: float) -> None:
        """Merge: what is not in the body stays."""
        shape = SHAPES[kind]
        record = self.records[kind].get(key)
        if record is None:
            raise self._absent(kind, key, int(self.behaviour.word("px_absent_put")))
        needed = ("propertyKeys",) if self.behaviour.word("px_put_property_keys") == "required" else ()
        clean = self._check(kind, shape, {**body, shape.id: key}, needed)
        for name in ("customAttributes", "location"):
            if isinstance(clean.get(name), dict):
                clean[name] = {**record.get(name, {}), **clean[name]}
        record.update(clean)
        record["lastModifiedDate"] = int(now * 1000)

    def read(self, kind: str, key: str) -> Record:
        record = self.records[kind].get(key)
        if record is None:
            raise self._absent(kind, key, 404)
        return {**record, **self._computed(kind, [key])[key]}

    def read_all(self, kind: str) -> list[Record]:
        computed = self._computed(kind, list(self.records[kind]))
        return [{**record, **computed[key]} for key, record in self.records[kind].items()]

    def _computed(self, kind: str, keys: list[str]) -> dict[str, Record]:
        """What PX adds to a record when it is read."""
        if kind == "user":
            return {key: {"id": key} for key in keys}
        members = Counter(user.get("accountId") for user in self.users.values())
        return {key: {"numberOfUsers": members[key]} for key in keys}

    def delete(self, kind: str, key: str, now: float, *, hard: bool = False) -> None:
        """Deleting an account deletes its users too."""
        record = self.records[kind].pop(key, None)
        if record is None:
            raise self._absent(kind, key, 404)
        if kind == "user":
            self._deleted.pop(key, None)
            if not hard:
                self._deleted[key] = (now, record)
            return
        for user in [user for user in self.users.values() if user.get("accountId") == key]:
            self.delete("user", user["identifyId"], now, hard=hard)

    def is_denied(self, key: str) -> bool:
        status = int(self.behaviour.word("px_denied_unknown_user"))
        if key not in self.users and status != 200:
            raise self._absent("user", key, status)
        return key in self.denied

    def deny(self, key: str, denied: Any) -> None:
        if key not in self.users:
            raise self._absent("user", key, 404)
        if not isinstance(denied, bool):
            raise PxRefusalError(400, "BAD_REQUEST", "denied must be true or false")
        if denied:
            self.denied.add(key)
        else:
            self.denied.discard(key)

    def track(self, body: Record, now: float) -> None:
        """Take one custom event; those of denied users and, by switch, repeated ones are dropped."""
        clean = self._check("event", EVENT, body, EVENT.required)
        if not self.behaviour.accepts(clean["propertyKey"], "px_tag_keys"):
            raise PxRefusalError(400, "BAD_REQUEST", "Unknown property key", {"propertyKey": "is not known"})
        known = clean["identifyId"] in self.users
        if not known and self.behaviour.word("px_event_unknown_user") == "reject":
            raise self._absent("user", clean["identifyId"], 400)
        event_id = clean.get("eventId")
        if event_id and self.behaviour.word("px_event_id") == "deduplicate":
            if event_id in self._event_ids:
                return
            self._event_ids.add(event_id)
        if clean["identifyId"] not in self.denied:
            self.store_event({"date": int(now * 1000), "eventType": "CUSTOM", **clean})

    def store_event(self, event: Record) -> None:
        number = len(self.events) + 1
        self.events.append({"eventId": str(uuid5(NAMESPACE_OID, f"event {number}")), **event})

    def put(self, kind: str, record: Record, now: float) -> Record:
        """Take a record over without checks, merging it into what is there (seeds and Segment push)."""
        key = str(record[SHAPES[kind].id])
        stored = self.records[kind].get(key) or self._new(kind, key, now)
        stored.update({SHAPES[kind].id: key, **record})
        stored["lastModifiedDate"] = int(now * 1000)
        self.records[kind][key] = stored
        return stored

    def list_attributes(self, kind: str) -> list[Record]:
        """Default attributes, those seeded, which may also replace default ones, and the stock."""
        types = {"date": "DATE_TIME", "flag": "BOOLEAN", "whole": "NUMBER", "number": "NUMBER"}
        shown = {
            name: _attribute(name, types.get(field, "STRING"), "DEFAULT")
            for name, field in SHAPES[kind].fields.items()
            if field not in ("tags", "attributes", "place") and name not in UNLISTED
        }
        for row in (*STOCK[kind], *self.attributes[kind]):
            name = row["apiName"]
            own = shown.get(name) if row.get("origin") == "DEFAULT" else None
            key = name if own else f"custom {len(shown)}"
            shown[key] = {**(own or _attribute(name, "STRING", "CUSTOM")), **row}
        return [{"id": str(number), **row} for number, row in enumerate(shown.values(), start=1)]

    def _new(self, kind: str, key: str, now: float) -> Record:
        stamp = int(now * 1000)
        if kind == "account":
            return {"createDate": stamp, "lastModifiedDate": stamp}
        deleted_at, history = self._deleted.pop(key, (0.0, {}))
        if history and now - deleted_at <= REVIVAL_SECONDS:
            return {**history, "lastModifiedDate": stamp}
        return {
            "aptrinsicId": str(uuid5(NAMESPACE_OID, f"user {key} {stamp}")),
            "createDate": stamp,
            "lastModifiedDate": stamp,
            "numberOfVisits": 0,
        }

    def _absent(self, kind: str, key: str, status: int) -> PxRefusalError:
        word = "NOT_FOUND" if status == 404 else "BAD_REQUEST"
        return PxRefusalError(status, word, f"{SHAPES[kind].title} was not found for parameters {{id={key}}}")

    def _check(self, kind: str, shape: Shape, body: Record, required: tuple[str, ...]) -> Record:
        clean: Record = {}
        wrong: dict[str, str] = {}
        if kind == "user" and "id" in body and "identifyId" not in body:
            body = {"identifyId": body["id"], **{name: value for name, value in body.items() if name != "id"}}
        for name, value in body.items():
            field = shape.fields.get(name)
            if field is None:
                switch = "px_read_only" if name in shape.read_only else "px_unknown_field"
                if self.behaviour.word(switch) == "reject":
                    wrong[name] = "is read-only" if name in shape.read_only else "is not known"
            elif value is None:
                if field == "date":
                    wrong[name] = "must not be empty"
            else:
                found = wrong_value(field, value)
                if found:
                    wrong[name] = found
                clean[name] = value
        for name in required:
            if clean.get(name) in (None, "", []):
                wrong[name] = "is required"
        if isinstance(clean.get("customAttributes"), dict):
            clean["customAttributes"] = self._check_attributes(kind, clean["customAttributes"], wrong)
        if kind in self.attributes:
            self._drop_disabled(kind, clean, wrong)
        self._check_references(kind, clean, wrong)
        if wrong:
            message = "; ".join(f"{name} {what}" for name, what in wrong.items())
            raise PxRefusalError(400, "BAD_REQUEST", f"Validation error: {message}", wrong)
        return clean

    def _check_attributes(self, kind: str, given: Record, wrong: dict[str, str]) -> Record:
        known = {
            item["apiName"]: item
            for item in sorted(self.attributes[kind], key=_is_enabled)
            if item.get("origin") != "DEFAULT"
        }
        kept: Record = {}
        for name, value in given.items():
            attribute = known.get(name)
            refused = self._refused_attribute(attribute) if known else None
            if refused:
                if refused != "ignore":
                    wrong[f"customAttributes.{name}"] = refused
                continue
            found = wrong_attribute(str((attribute or {}).get("type", "ANY")), value)
            if found:
                wrong[f"customAttributes.{name}"] = found
            kept[name] = value
        return kept

    def _refused_attribute(self, attribute: Record | None) -> str | None:
        """What is wrong with writing an attribute, `ignore` where that is silent, or None."""
        if attribute is None:
            return "ignore" if self.behaviour.word("px_unknown_attribute") == "ignore" else "is not known"
        switch = self.behaviour.word("px_disabled_attribute")
        if _is_enabled(attribute) or switch == "accept":
            return None
        return "ignore" if switch == "ignore" else "is disabled"

    def _drop_disabled(self, kind: str, clean: Record, wrong: dict[str, str]) -> None:
        for item in self.attributes[kind]:
            name = item["apiName"]
            if (
                item.get("origin") == "DEFAULT"
                and name in clean
                and (refused := self._refused_attribute(item))
            ):
                del clean[name]
                if refused != "ignore":
                    wrong[name] = refused

    def _check_references(self, kind: str, clean: Record, wrong: dict[str, str]) -> None:
        account = clean.get("accountId")
        missing = kind == "user" and account and account not in self.accounts
        if missing and self.behaviour.word("px_missing_account") == "reject":
            wrong["accountId"] = "does not exist"
        for tag in clean["propertyKeys"] if isinstance(clean.get("propertyKeys"), list) else ():
            if isinstance(tag, str) and tag and not self.behaviour.accepts(tag, "px_tag_keys"):
                wrong["propertyKeys"] = "has an unknown product tag key"


def _is_enabled(attribute: Record) -> bool:
    return bool(attribute.get("state", "ENABLED") == "ENABLED")


def _attribute(name: str, kind: str, origin: str) -> Record:
    return {
        "name": name,
        "apiName": name,
        "internalName": name,
        "type": kind,
        "state": "ENABLED",
        "origin": origin,
    }
