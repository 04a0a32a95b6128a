"""How CS refuses: the documented error codes and what a refusal carries. No HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Codes = dict[str, tuple[str, str]]

OBJECT_CODES: Codes = {
    "length": ("GSOBJ_1001", "String length exceeds the length of the field"),
    "unknown_field": ("GSOBJ_1002", "Invalid field"),
    "read_only": ("GSOBJ_1002", "Field is not writable"),
    "type": ("GSOBJ_1002", "Invalid value for the type of the field"),
    "number": ("GSOBJ_1002", "Invalid number"),
    "number_range": ("GSOBJ_1002", "Number out of range"),
    "currency": ("GSOBJ_1002", "Invalid currency"),
    "currency_separators": ("GSOBJ_1002", "Invalid thousand separators in currency"),
    "email": ("GSOBJ_1002", "Invalid email"),
    "url": ("GSOBJ_1002", "Invalid url"),
    "gsid": ("GSOBJ_1002", "Invalid GSID"),
    "sfdc_id": ("GSOBJ_1002", "Invalid SFDC id"),
    "picklist_category": ("GSOBJ_1002", "Invalid picklist value"),
    "picklist_item": ("GSOBJ_VDTPKLST1002", "Picklist item does not exist"),
    "datetime": ("GSOBJ_1005", "Invalid dateTime format"),
    "date": ("GSOBJ_1006", "Invalid dateTime format"),
    "null": ("GSOBJ_1007", "Null value for a non nullable field"),
    "percentage": ("GSOBJ_1008", "Invalid percentage"),
    "boolean": ("GSOBJ_1008", "Invalid boolean"),
    "empty_record": ("GSOBJ_1008", "Record is empty"),
    "lookup_GSOBJ_1008": ("GSOBJ_1008", "Lookup has no single match"),
    "lookup_GSOBJ_1002": ("GSOBJ_1002", "Invalid lookup value"),
    "lookup_GSOBJ_1011": ("GSOBJ_1011", "No entity matches the given criteria"),
    "not_unique": ("GSOBJ_1008", "Value is not unique"),
    "no_match": ("GSOBJ_1011", "No entity matches the given criteria"),
}
PERSON_CODES: Codes = {
    "length": ("GSOBJ_VDTBSTR1001", "String length exceeds the length of the field"),
    "unknown_field": ("GSOBJ_VCRUDR1002", "Field does not exist in the object"),
    "read_only": ("GSOBJ_VCRUDR1002", "Field is not writable"),
    "type": ("GSOBJ_VDTBSTR1001", "Invalid value for the type of the field"),
    "number": ("GSOBJ_VDTNUM1001", "Invalid number"),
    "number_range": ("GSOBJ_VDTNUM1002", "Number out of range"),
    "currency": ("GSOBJ_VDTCURREN1001", "Invalid currency"),
    "currency_separators": ("GSOBJ_VDTCURREN1002", "Invalid thousand separators in currency"),
    "email": ("GSOBJ_VDTEMAIL1001", "Invalid email"),
    "url": ("GSOBJ_VDTURL1001", "Invalid url"),
    "gsid": ("GSOBJ_VDTGSID1001", "Invalid GSID"),
    "sfdc_id": ("GSOBJ_VDTSFDCID1001", "Invalid SFDC id"),
    "picklist_category": ("GSOBJ_VDTPKLST1001", "Invalid picklist category"),
    "picklist_item": ("GSOBJ_VDTPKLST1002", "Picklist item does not exist"),
    "datetime": ("GSOBJ_VDTDATIME1001", "Invalid dateTime format"),
    "date": ("GSOBJ_VDTDATIME1001", "Invalid dateTime format"),
    "null": ("GSOBJ_VCRUDR1003", "Field info missing"),
    "percentage": ("GSOBJ_VDTPERCENT1001", "Invalid percentage"),
    "boolean": ("GSOBJ_VDTBOOL1001", "Invalid boolean"),
    "empty_record": ("GSOBJ_VCRUDR1001", "Record is empty"),
    **{
        f"lookup_{code}": ("GSOBJ_PEOPLE1001", "Associated entity does not exist")
        for code in ("GSOBJ_1008", "GSOBJ_1002", "GSOBJ_1011")
    },
    "no_entity": ("GSOBJ_PEOPLE1001", "Associated entity does not exist"),
}


@dataclass(frozen=True, slots=True)
class FieldError:
    kind: str
    field: str
    """Empty where the answer names none."""
    value: Any = None

    def code(self, codes: Codes) -> str:
        return codes[self.kind][0]

    def message(self, codes: Codes) -> str:
        return codes[self.kind][1]

    def sentence(self, codes: Codes) -> str:
        return f"{self.message(codes)} ({self.field} = {self.value})." if self.field else self.message(codes)


class RefusalError(Exception):
    """CS will not do it. `errors` has one list per record of the call, empty for a good one."""

    def __init__(
        self,
        code: str,
        text: str,
        *,
        status: int = 400,
        errors: list[list[FieldError]] | None = None,
        counted: bool = False,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.errors = errors
        self.counted = counted
        """Whether `data` is the count, records and errors of a write, rather than null."""


def refuse_records(errors: list[list[FieldError]]) -> RefusalError:
    """The refusal of a whole batch, headed by its first error."""
    first = next(error for record in errors for error in record)
    return RefusalError(first.code(OBJECT_CODES), first.sentence(OBJECT_CODES), errors=errors, counted=True)
