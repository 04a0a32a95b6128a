"""Look-ups: the CSM by e-mail and the parent company by name, found by Gainsight within the write.

A `lookups` block beside `records` says, for a field of the company, from which field of the record and by
which field of another object its GSID is found [documented]. It holds for every record of the call, so only
records with the same look-ups share one [derived]. A value that finds nothing must neither be passed over nor
empty the field: `onNoMatch` is always ERROR, `multiMatchOption` MARKASERROR save for `company_on_ambiguous:
first`. How Gainsight then says so is not documented: see candidates.py.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gainstage.destinations.gainsight_cs.settings import CsSettings
from gainstage.mapping import Fault, text

EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
#: A company's GSID: 36 letters and digits, the first ones tell the object [documented]. All else is a name.
COMPANY_GSID = re.compile(r"1P02[A-Za-z0-9]{32}")
#: What may be a user's GSID; samples are shorter than the documented 36 characters.
USER_GSID = re.compile(r"(?=\D*\d)[A-Za-z0-9]{4,64}")
CANDIDATES_SHOWN = 5


class Lookup(NamedTuple):
    """A field of Company whose GSID Gainsight finds itself."""

    target: str
    #: The field that the record carries instead; Company has none of this name.
    source: str
    object_name: str
    #: The field of that object by which it is found.
    by: str
    #: What is sought, in words for people.
    sought: str

    def spellings(self, value: str) -> set[str]:
        """The value as it may be stored: e-mails also in small letters."""
        return {value, value.lower()} if self.by == "Email" else {value}


CSM = Lookup("Csm", "CSMEmail", "gsuser", "Email", "user with the e-mail")
#: The documents' own sample names its source so.
PARENT = Lookup("ParentCompany", "ParentCompanyName", "Company", "Name", "company named")


def read_references(
    settings: CsSettings, values: dict[str, Any], company: str
) -> tuple[dict[str, Any], list[Fault]]:
    """A company's values with those that are to be looked up trimmed, and what can be neither that nor a
    GSID. Pure.
    """
    if settings.csm_lookup == settings.parent_lookup == "none":
        return values, []
    found, faults = dict(values), []
    if settings.csm_lookup == "email" and CSM.target in found:
        given = found.pop(CSM.target)
        csm = given.strip() if isinstance(given, str) else given
        if isinstance(csm, str) and (EMAIL.fullmatch(csm) or USER_GSID.fullmatch(csm)):
            found[CSM.target] = csm
        elif csm != "":
            sentence = f"The field {CSM.target} needs a user's e-mail (or GSID); it was given {csm!r:.80}."
            faults.append(Fault(CSM.target, sentence))
    if settings.parent_lookup == "name" and PARENT.target in found:
        given = found.pop(PARENT.target)
        parent = "" if isinstance(given, bool) else text(given).strip()
        if isinstance(given, bool):
            sentence = f"The field {PARENT.target} needs a company's name (or GSID); it was given {given}."
            faults.append(Fault(PARENT.target, sentence))
        elif parent == company:
            sentence = f"The field {PARENT.target} names the company itself, {parent!r:.80}: leave it out."
            faults.append(Fault(PARENT.target, sentence))
        elif parent:
            found[PARENT.target] = parent
    return found, faults


def with_sources(settings: CsSettings, body: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Lookup, ...]]:
    """A record as it is sent, what is looked up in its source field; and the look-ups that it uses."""
    found, used = dict(body), []
    csm, parent = body.get(CSM.target), body.get(PARENT.target)
    if settings.csm_lookup == "email" and isinstance(csm, str) and EMAIL.fullmatch(csm):
        used.append(CSM)
    if settings.parent_lookup == "name" and isinstance(parent, str) and not COMPANY_GSID.fullmatch(parent):
        used.append(PARENT)
    for lookup in used:
        found[lookup.source] = found.pop(lookup.target)
    return found, tuple(used)


def block(settings: CsSettings, lookups: Iterable[Lookup]) -> dict[str, Any]:
    """The `lookups` of a call [documented]."""
    return {
        lookup.target: {
            "fields": {lookup.source: lookup.by},
            "lookupField": "Gsid",
            "objectName": lookup.object_name,
            "multiMatchOption": "FIRSTMATCH" if takes_first(settings, lookup) else "MARKASERROR",
            "onNoMatch": "ERROR",
        }
        for lookup in lookups
    }


def takes_first(settings: CsSettings, lookup: Lookup) -> bool:
    """Whether the first of several will do; of several users never: a CSM is one person."""
    return lookup is PARENT and settings.company_on_ambiguous == "first"


def same(lookup: Lookup, stored: object, value: str) -> bool:
    """E-mails are the same in any letter case; names compare exactly, trimmed."""
    if not isinstance(stored, str):
        return False
    return stored.strip().lower() == value.lower() if lookup.by == "Email" else stored.strip() == value
