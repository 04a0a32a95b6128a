"""What must be true in the end: the outcome of each message, and what the tenant of Gainsight PX holds.

What is left open, and no more:

- a bad value that a newer one overtook may count as delivered;
- a value of a field that the specification calls read-only may fail its message where PX refuses such fields;
- the time of sign-up of a user that we created and nobody told it of: that of one of its messages;
- whether what others deleted is there again, where no call about it was answered afterwards.
"""

from collections.abc import Iterable, Sequence

from tests.properties.outcomes import DELIVERED, FAILED, FILTERED, expect_one_of, judge_repeats, read_outcomes
from tests.properties.px.case import Case, Named
from tests.properties.px.events import judge_events
from tests.properties.px.reading import Heard, hear
from tests.properties.px.tenant import ABSENT, Fields, OneOf, differences, flat, held
from tests.properties.px.values import OPEN
from tests.properties.transport import Broken
from tests.properties.values import BAD, UNFIT, Value
from tests.properties.world import Tenancy

#: A call that ends so soon after a deletion may have been carried out before it.
SPANNED_SECONDS = 20.0


def judge(tenancy: Tenancy) -> None:
    """Judge a world that has been lived through.

    Raises:
        Broken: with what is wrong.
    """
    Oracle(tenancy).judge()


class Oracle:
    """Judges outcomes, events, and what the tenant holds."""

    def __init__(self, tenancy: Tenancy) -> None:
        assert isinstance(tenancy.case, Case)
        self.tenancy = tenancy
        self.case: Case = tenancy.case
        self.heard = hear(self.case)
        self.ended = read_outcomes(tenancy)
        self.strict = {name for name, word in self.case.switches.items() if word == "reject"}

    def judge(self) -> None:
        """Everything.

        Raises:
            Broken: with what is wrong.
        """
        for heard in self.heard:
            ended = self.ended.get(heard.key, {})
            allowed = {name: self._allowed(heard, name) for name in ended}
            expect_one_of(heard.said, ended, self.case.feeds, allowed)
        judge_repeats(self.tenancy, holds=False)
        judge_events(self.tenancy, self.case, self.heard, self.ended)
        self._judge_state()

    # outcomes

    def _allowed(self, heard: Heard, name: str) -> set[tuple[int, str]]:
        """The words, and codes where they matter, that a message may end with at a destination."""
        said = heard.said
        if said.kind == "alias":
            return {(FILTERED, "type_unsupported")}
        if said.kind in ("page", "screen") and not self.case.first[f"{said.kind}_events"]:
            return {(FILTERED, "type_not_selected")}
        if said.kind not in ("identify", "group"):
            return self._allowed_event(heard, name)
        if said.kind == "group" and not said.group:
            return {(FAILED, "group_id_missing")}
        if any(value.fate == UNFIT for value in said.values):
            return {(FAILED, "value_invalid")}
        refused, fine = (FAILED, "refused"), (DELIVERED, "")
        if any(value.fate == BAD and not self._is_overtaken(heard, value) for value in said.values):
            return {refused}
        return {fine, refused} if any(value.fate in (BAD, OPEN) for value in said.values) else {fine}

    def _allowed_event(self, heard: Heard, name: str) -> set[tuple[int, str]]:
        if heard.said.bad_event:
            return {(FAILED, "refused")}
        if "px_event_unknown_user" not in self.strict:
            return {(DELIVERED, "")}
        about = [one for one in self.heard if one.person == heard.person and self._writes_user(one)]
        seeded = any(row["identifyId"] == heard.person for row in self.case.users)
        if ("user", heard.person) in self.case.gone:
            return {(DELIVERED, ""), (FAILED, "refused")}
        mine = [one for one in about if one.index < heard.index and name in self.ended[one.key]]
        if seeded or any(self.ended[one.key][name].word == DELIVERED for one in mine):
            return {(DELIVERED, "")}
        return {(DELIVERED, ""), (FAILED, "refused")} if about else {(FAILED, "refused")}

    def _writes_user(self, heard: Heard) -> bool:
        return heard.said.kind in ("identify", "group") and self._arrived(heard)

    def _arrived(self, heard: Heard) -> bool:
        """Whether it counts as delivered, somewhere."""
        return any(one.word == DELIVERED for one in self.ended[heard.key].values())

    def _is_overtaken(self, heard: Heard, value: Value) -> bool:
        """Whether a newer value for its field counts."""
        return any(
            other.stamp > heard.stamp
            and other.said.kind == heard.said.kind
            and (other.said.group, other.person if not other.said.group else "")
            == (heard.said.group, heard.person if not heard.said.group else "")
            and any(one.field == value.field and one.fate == "" for one in other.said.values)
            and self._arrived(other)
            for other in self.heard
        )

    # state

    def _judge_state(self) -> None:
        found, wrong = held(self.tenancy.sandbox), []
        wanted = {**self._users(), **self._accounts()}
        for named in sorted(wanted.keys() | found.keys()):
            what = f"{named[0]} {named[1]!r}"
            if named not in wanted:
                if not self._may_stand_in(named, found[named]):
                    wrong.append(f"{what} is there and should not be: {found[named]}")
            elif named not in found:
                if not self._may_be_gone(named):
                    wrong.append(f"{what} is not there and should be {wanted[named]}")
            elif not self._may_be_there(named):
                wrong.append(f"{what} is there again, although nobody wrote it")
            else:
                wrong += differences(what, wanted[named], found[named])
        if wrong:
            raise Broken("the tenant differs by: " + "; ".join(wrong[:6]))

    def _users(self) -> dict[Named, Fields]:
        seeded = {row["identifyId"]: flat(row) for row in self.case.users}
        arrived = [heard for heard in self.heard if self._writes_user(heard)]
        wanted: dict[Named, Fields] = {}
        for person in dict.fromkeys((*seeded, *(heard.person for heard in arrived))):
            mine = sorted((one for one in arrived if one.person == person), key=lambda one: one.stamp)
            base = seeded.get(person, {})
            fields = {"identifyId": person, **base, **self._told(mine, "identify")}
            for heard in mine:
                if heard.account:
                    fields["accountId"] = heard.account
            gone = ("user", person) in self.case.gone
            if gone:  # an object that comes back says what we know, not what others wrote
                fields |= {
                    name: OneOf((value, ABSENT))
                    for name, value in base.items()
                    if "." in name and fields[name] == value
                }
            if mine:
                fields["propertyKeys"] = self._tags()
                if not base or any(heard.said.kind == "identify" for heard in mine):
                    fields["type"] = "USER"
                elif gone:
                    fields["type"] = OneOf(("USER", base.get("type", ABSENT)))
            if mine and (not base or gone):
                self._sign_up(fields, mine, base)
            wanted[("user", person)] = fields
        return wanted

    def _sign_up(self, fields: Fields, mine: Sequence[Heard], base: Fields) -> None:
        """A user that we create signed up with one of its messages, unless one says otherwise."""
        told = fields.get("signUpDate", ABSENT)
        if told is not ABSENT and told != base.get("signUpDate"):
            return
        times = [heard.time_us // 1000 for heard in mine]
        created = any(value.field == "createDate" for heard in mine for value in heard.said.values)
        kept = [told] if created or base else []
        fields["signUpDate"] = OneOf((*times, *kept))

    def _accounts(self) -> dict[Named, Fields]:
        seeded = {row["id"]: flat(row) for row in self.case.accounts}
        arrived = [heard for heard in self.heard if heard.said.group and self._arrived(heard)]
        wanted: dict[Named, Fields] = {}
        for account in dict.fromkeys((*seeded, *(heard.said.group for heard in arrived))):
            mine = sorted((one for one in arrived if one.said.group == account), key=lambda one: one.stamp)
            base = seeded.get(account, {})
            told = self._told(mine, "group")
            fields = {"id": account, "name": account, **base, **told}
            if ("account", account) in self.case.gone:  # what others wrote went with it
                lost = {name: OneOf((value, ABSENT)) for name, value in base.items() if name not in told}
                fields |= lost | {"id": account}
                if "px_missing_account" in self.strict and any(one.account == account for one in self.heard):
                    fields["propertyKeys"] = OneOf((base.get("propertyKeys", ABSENT), ABSENT, self._tags()))
                fields["name"] = told.get("name", OneOf((account, base.get("name", account))))
            if mine:
                fields["propertyKeys"] = self._tags()
            wanted[("account", account)] = fields
        return wanted

    def _told(self, mine: Iterable[Heard], kind: str) -> Fields:
        """Field by field the newest."""
        return {
            value.field: value.stored
            for heard in mine
            if heard.said.kind == kind
            for value in heard.said.values
            if not value.fate
        }

    def _tags(self) -> list[str]:
        given = self.case.first["product_tag_key"]
        return [given] if isinstance(given, str) else given

    # what others did

    def _may_stand_in(self, named: Named, fields: Fields) -> bool:
        """Whether an account may be there that users name and nobody described."""
        kind, key = named
        if kind != "account" or "px_missing_account" not in self.strict:
            return False
        plain = fields.get("name") == key and set(fields) <= {"id", "name", "propertyKeys"}
        return plain and any(heard.account == key for heard in self.heard)

    def _may_be_gone(self, named: Named) -> bool:
        return named in self.case.gone and not any(sure for sure in self._written_since(named))

    def _may_be_there(self, named: Named) -> bool:
        return named not in self.case.gone or bool(self._written_since(named))

    def _written_since(self, named: Named) -> list[bool]:
        """Calls that wrote a record after its deletion, or may have; whether each surely did."""
        kind, key = named
        since = self.case.gone[named]
        return [
            made.response is not None
            and self.case.took(made.response) == "yes"
            and made.at > since + SPANNED_SECONDS
            for made in self.tenancy.transport.answers
            if made.at >= since and self.case.about(made.request) == (kind, key)
        ]
