"""Field tables and their reader: how the traits of an event become the fields of a vendor's record.

A `Mapping` is data: one `Field` a row. It is the only source of what is mapped; the destinations' pages and
the names of unmapped traits come from it too. Everything here is pure.
"""

from gainstage.mapping.converters import UnfitError, boolean, epoch_ms, gender, number, plain, text
from gainstage.mapping.paths import find
from gainstage.mapping.table import Derived, Fault, Field, Forms, Mapping, Reading, fault

__all__ = [
    "Derived",
    "Fault",
    "Field",
    "Forms",
    "Mapping",
    "Reading",
    "UnfitError",
    "boolean",
    "epoch_ms",
    "fault",
    "find",
    "gender",
    "number",
    "plain",
    "text",
]
