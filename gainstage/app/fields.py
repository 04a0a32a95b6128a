"""The fields of the tenants: read from the vendor or taken from a list, kept in the data folder, and held
against what the settings map.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gainstage.app.asking import Asker, existing_store
from gainstage.app.configuring import named, read_only
from gainstage.app.folder import prepare
from gainstage.clock import SECOND_US
from gainstage.connection import Configuration, Connected
from gainstage.delivery.destinations import Active
from gainstage.destination import Doctor, Finding
from gainstage.errors import DataUnusable, UsageError
from gainstage.schema import Field, Object, Schema, Use, key_of
from gainstage.schema.listing import name_of, read_list, read_rows
from gainstage.sqlite import StorageUnavailable
from gainstage.store.rows import DestinationRow
from gainstage.store.store import NoStore, Store

#: No list of fields is larger.
LARGEST_FILE = 16 * 1024 * 1024


class Unreadable(Exception):
    """The vendor did not tell its fields; the text says why."""


def kept_fields(data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
    """What is kept of a destination's fields.

    Raises:
        UsageError: the configuration cannot be used, or has no such destination.
    """
    connected, doctor = _chosen(read_only(data, config)[0], destination)
    store = existing_store(data)
    try:
        return _report(connected, doctor, kept(store, connected))
    finally:
        if store is not None:
            store.close()


def read_fields(data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
    """Read them from the vendor and keep them; a running server plans by them from then on.

    Raises:
        UsageError: configuration or data folder cannot be used.
        Unreadable: the vendor did not tell them; what was kept is kept.
    """
    connected, doctor = _chosen(read_only(data, config)[0], destination)
    return asyncio.run(_read(_opened(data), connected, doctor))


def upload_fields(data: Path, config: Path | None, destination: str | None, file: Path) -> dict[str, Any]:
    """Take a list of fields over and keep it.

    Raises:
        UsageError: configuration, data folder or file cannot be used.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from None
    return take_fields(data, config, destination, content, str(file))


def take_fields(
    data: Path, config: Path | None, destination: str | None, content: bytes, name: str
) -> dict[str, Any]:
    """The same with the content of a file; `name` is what messages call it.

    Raises:
        UsageError: configuration, data folder or content cannot be used.
    """
    connected, doctor = _chosen(read_only(data, config)[0], destination)
    try:
        schema = replace(read_content(content, doctor), origin="uploaded", at_us=_now_us())
    except ValueError as error:
        raise UsageError(f"{name} is no list of fields. {error}") from None
    known = {key_of(use.object) for use in doctor.uses(connected.settings)}
    strange = [one.name for one in schema.objects if key_of(one.name) not in known]
    if len(strange) == len(schema.objects):
        raise UsageError(f"{name} lists no object that {connected.type.title} is written to: {strange[0]}.")
    store = _opened(data)
    try:
        keep(store, connected, schema)
    finally:
        store.close()
    return _report(connected, doctor, schema)


def forget_fields(data: Path, config: Path | None, destination: str | None) -> dict[str, Any]:
    """Forget them: names and values are left to the vendor again.

    Raises:
        UsageError: configuration or data folder cannot be used.
    """
    connected, doctor = _chosen(read_only(data, config)[0], destination)
    store = existing_store(data)
    if store is not None:
        with store.transaction() as transaction:
            transaction.schemas.forget(connected.tenant)
        store.close()
    return _report(connected, doctor, None)


async def diagnose(asker: Asker, active: Active) -> list[Finding]:
    """What the doctor of a destination finds, by its fields as they are now; a list that was uploaded holds
    until somebody has them read. Nothing where it has no doctor.
    """
    doctor, connected = active.connected.type.doctor, active.connected
    if doctor is None:
        return []
    schema = kept(asker.store, connected)
    findings: list[Finding] = []
    if schema is not None and schema.origin == "uploaded":
        findings.append(Finding("ok", "", f"Judged by the list of fields uploaded {told(schema.at_us)}."))
    else:
        items = await asker.ask(active, doctor.describe(active.settings))
        findings += [item for item in items if isinstance(item, Finding)]
        read = next((item for item in items if isinstance(item, Schema)), None)
        if read is not None:
            schema = replace(read, at_us=_now_us())
            if asker.store is not None:
                keep(asker.store, connected, schema)
            findings.append(Finding("ok", "", _summary(schema, is_kept=asker.store is not None)))
        elif schema is not None:
            findings.append(Finding("warning", "", f"Judged by the fields as read {told(schema.at_us)}."))
    if schema is not None:
        findings += doctor.examine(active.settings, schema)
    return findings


def kept(store: Store | None, connected: Connected) -> Schema | None:
    """What the store keeps of a destination's fields."""
    return kept_of(store, [connected])[connected.name] if store is not None else None


def kept_of(store: Store, destinations: Iterable[Connected]) -> dict[str, Schema | None]:
    """The same of several, by name."""
    with store.transaction() as transaction:
        return {
            one.name: transaction.schemas.get(one.tenant) if one.type.doctor and one.settings else None
            for one in destinations
        }


def keep(store: Store, connected: Connected, schema: Schema) -> None:
    """Let a schema stand for what was known of the tenant."""
    with store.transaction() as transaction:
        transaction.schemas.keep(connected.tenant, schema)


def read_content(content: bytes, doctor: Doctor) -> Schema:
    """The schema in a file: a reply of the vendor, a JSON list of fields, or a CSV.

    Raises:
        ValueError: it is none of these, in one sentence.
    """
    if len(content) > LARGEST_FILE:
        raise ValueError("It is larger than 16 MiB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("It is not UTF-8.") from None
    if not text.lstrip().startswith(("{", "[")):
        return read_list(read_rows(text))
    try:
        decoded = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"It is no JSON ({error}).") from None
    rows = decoded if isinstance(decoded, list) else ()
    ours = any(name_of(key) == "object" for row in rows if isinstance(row, dict) for key in row)
    return read_list(rows) if ours else doctor.read(decoded)


async def _read(store: Store, connected: Connected, doctor: Doctor) -> dict[str, Any]:
    asker = Asker(store)
    try:
        active = Active(connected, DestinationRow(0, connected.name), 0)
        items = await asker.ask(active, doctor.describe(connected.settings))
        read = next((item for item in items if isinstance(item, Schema)), None)
        if read is None:
            raise Unreadable(" ".join(item.message for item in items if isinstance(item, Finding)))
        schema = replace(read, at_us=_now_us())
        keep(store, connected, schema)
    finally:
        await asker.close()
    return _report(connected, doctor, schema)


def _chosen(configuration: Configuration, name: str | None) -> tuple[Connected, Doctor]:
    """The destination that is meant: the one named, else the only one that tells its fields."""
    able = {one.name: one for one in configuration.destinations.values() if one.type.doctor is not None}
    if name is None and len(able) == 1:
        (name,) = able
    if name is None:
        said = f"name one with --destination: {', '.join(sorted(able))}" if able else "none is configured"
        raise UsageError(f"Several destinations, or none, tell their fields; {said}.")
    connected = named(configuration, name)
    if connected.type.doctor is None:
        raise UsageError(f"{name}: {connected.type.title} does not tell its fields.")
    return connected, connected.type.doctor


def _opened(data: Path) -> Store:
    try:
        return Store(prepare(data))
    except (StorageUnavailable, NoStore) as error:
        raise DataUnusable(str(error)) from None


def _report(connected: Connected, doctor: Doctor, schema: Schema | None) -> dict[str, Any]:
    uses = doctor.uses(connected.settings)
    return {
        "destination": connected.name,
        "tenant": connected.tenant,
        "origin": schema.origin if schema is not None else None,
        "at": told(schema.at_us) if schema is not None else None,
        "age_seconds": max(0, _now_us() - schema.at_us) // SECOND_US if schema is not None else None,
        "objects": [_object(one, uses) for one in schema.objects] if schema is not None else [],
        "findings": held_against(connected, schema),
    }


def held_against(connected: Connected, schema: Schema | None) -> list[dict[str, str]]:
    """What of a destination's settings does not go with the tenant's fields; nothing where none are known."""
    doctor = connected.type.doctor
    if doctor is None or schema is None:
        return []
    findings = doctor.examine(connected.settings, schema)
    return [{"level": one.level, "setting": one.setting, "message": one.message} for one in findings]


def _object(one: Object, uses: Iterable[Use]) -> dict[str, Any]:
    mapped: dict[str, list[Use]] = {}
    for use in uses:
        field = one.in_any_case(use.field) if key_of(use.object) == key_of(one.name) else None
        if field is not None:
            mapped.setdefault(field.name, []).append(use)
    fields = [_field(field, mapped.get(field.name, [])) for field in one.fields]
    return {"name": one.name, "label": one.label, "fields": fields}


def _field(field: Field, uses: Iterable[Use]) -> dict[str, Any]:
    plain = {name: getattr(field, name) for name in field.__struct_fields__ if name != "items"}
    items = [msgspec.to_builtins(item) for item in field.items]
    return {**plain, "items": items, "from": [{"source": use.source, "setting": use.setting} for use in uses]}


def _summary(schema: Schema, *, is_kept: bool) -> str:
    counts = ", ".join(f"{len(one.fields)} of {one.label or one.name}" for one in schema.objects)
    left = (
        ""
        if is_kept
        else " They are not kept, for want of a data folder: `gainstage fields --read` makes one."
    )
    return f"Fields read: {counts}.{left}"


def told(at_us: int) -> str:
    """An instant as people and programs read it."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now_us() -> int:
    return time.time_ns() // 1_000
