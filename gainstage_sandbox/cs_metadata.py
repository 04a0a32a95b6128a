"""What CS tells about its objects: the list, describe, picklist items."""

from __future__ import annotations

from typing import Any

from gainstage_sandbox.calls import Answer, Call, Route
from gainstage_sandbox.cs_envelope import metadata_failure, success
from gainstage_sandbox.cs_schema import Field, Schema
from gainstage_sandbox.state import State


def list_objects(state: State, _: Call) -> Answer:
    return success([_object(table.schema) for table in state.cs.tables.values()])


def describe_objects(state: State, call: Call) -> Answer:
    body = call.json_object()
    names = body.get("objectNames")
    if not isinstance(names, list) or not names:
        return _failure(state, "INVALID_REQUEST", "objectNames must be a list of object names")
    described = []
    for name in names:
        table = state.cs.tables.get(str(name).lower())
        hidden = table is state.cs.links and state.behaviour.word("cs_describe_links") == "refuse"
        if table is None or hidden:
            return _failure(state, "OBJECT_NOT_FOUND", f"Object {name} not found")
        described.append(_described(table.schema, options=body.get("populatePickListOptions") == "true"))
    return success(described)


def describe_one(state: State, call: Call) -> Answer:
    table = state.cs.tables.get(call.params["object"].lower())
    if table is None:
        return _failure(state, "OBJECT_NOT_FOUND", f"Object {call.params['object']} not found")
    return success([_described(table.schema, options=True)])


def get_dropdown(state: State, call: Call) -> Answer:
    category = call.params["category"]
    for table in state.cs.tables.values():
        for field in table.schema.fields.values():
            if field.category == category and field.options:
                return success(_dropdown(field))
    return _failure(state, "CATEGORY_NOT_FOUND", f"Category {category} not found")


def _failure(state: State, title: str, detail: str) -> Answer:
    return metadata_failure(int(state.behaviour.word("cs_metadata_status")), title, detail)


def _dropdown(field: Field) -> dict[str, Any]:
    items = [
        {
            "name": option.label,
            "systemName": option.label,
            "active": option.active,
            "displayOrder": position,
            "gsid": option.gsid,
        }
        for position, option in enumerate(field.options, start=1)
    ]
    return {"categoryDetails": {"gsid": field.category, "name": field.label}, "childItems": items}


def _object(schema: Schema) -> dict[str, Any]:
    return {
        "objectName": schema.name,
        "label": schema.label,
        "objectType": schema.object_type,
        "keyPrefix": schema.key_prefix,
        "transactional": schema.transactional,
        "readable": True,
        "createable": schema.object_type != "SYSTEM",
        "schemaUpdateable": schema.object_type != "SYSTEM",
        "multiCurrencySupported": False,
    }


def _described(schema: Schema, *, options: bool) -> dict[str, Any]:
    return {
        "objectName": schema.name,
        "label": schema.label,
        "objectType": schema.object_type,
        "keyPrefix": schema.key_prefix,
        "fields": [_field(schema, field, options=options) for field in schema.fields.values()],
    }


def _field(schema: Schema, field: Field, *, options: bool) -> dict[str, Any]:
    lookup = None
    if field.lookup:
        lookup = {"lookupName": f"{field.name}__gr", "fieldName": "Gsid", "lookupObjects": [field.lookup]}
    properties = {"sourceType": "GAINSIGHT"}
    if field.category:
        properties["PICKLIST_CATEGORY_ID"] = field.category
    described: dict[str, Any] = {
        "fieldName": field.name,
        "label": field.label,
        "dataType": "STRING" if field.type == "ANY" else field.type,
        "objectName": schema.name,
        "meta": {
            "createable": field.createable and not field.read_only,
            "updateable": field.updateable and not field.read_only,
            "required": field.required,
            "nillable": field.nillable,
            "readOnly": field.read_only,
            "length": field.length,
            "decimalPlaces": 2 if field.type in ("CURRENCY", "PERCENTAGE") else 0,
            "hasLookup": field.lookup is not None,
            "lookupDetail": lookup,
            "properties": properties,
        },
    }
    if options and field.type in ("PICKLIST", "MULTISELECTDROPDOWNLIST"):
        described["options"] = [
            {
                "value": option.gsid,
                "label": option.label,
                "active": option.active,
                "systemName": option.label,
            }
            for option in field.options
        ]
    return described


def _route(method: str, template: str, handler: Any) -> Route:
    return Route("cs", method, template, handler, login="cs", family="cs")


METADATA_ROUTES = (
    _route("GET", "/v1/meta/services/objects/list", list_objects),
    _route("POST", "/v1/meta/services/objects/describe", describe_objects),
    _route("GET", "/v1/meta/services/dropdowns/{category}", get_dropdown),
    _route("GET", "/v1/api/describe/MDA/{object}", describe_one),
)
