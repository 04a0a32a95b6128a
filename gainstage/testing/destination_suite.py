"""The suite that every destination passes, also those of other packages.

class TestAcme(DestinationSuite):
    destination = destination
    settings = {"api_key": "secret-of-acme", ...}      # everything that its sample events need
    messages = ({"type": "identify", "traits": {...}}, ...)
    readme = Path(...) / "README.md"                   # if its field tables are in there
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from gainstage.destination import CallFailed, Destination, Finding, Request, Response, Work
from gainstage.event import Event, Identity
from gainstage.mapping import Derived
from gainstage.outcome import (
    Blocked,
    Delivered,
    Filtered,
    Outcome,
    Parked,
    Rejected,
    Retry,
    Throttled,
    Unknown,
)
from gainstage.reason import REASONS
from gainstage.reference import default, fill, inner_model
from gainstage.schema import Field as TenantField
from gainstage.schema import Item, Object, Schema, Use
from gainstage.testing.driving import Driven, Vendor, deliver, drive, event_of, works_of
from gainstage.testing.hostile import Hostile, answers, events, identities
from gainstage.testing.people_suite import SECRET, PeopleSuite

KNOWN = Identity(user_id="u-1", email="known@acme.test", account="acct-1")
#: Records of an exchange with a gathered backlog.
GATHERED = 50

relaxed = hypothesis_settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)


class DestinationSuite(PeopleSuite):
    """Subclass it with the four attributes below."""

    destination: ClassVar[Destination]
    settings: ClassVar[dict[str, Any]]
    messages: ClassVar[Sequence[dict[str, Any]]]
    readme: ClassVar[Path | None] = None

    # what the tests use

    def configured(self) -> Any:
        """The settings with every secret recognisable."""
        return self.destination.settings(**self.with_secrets())

    def with_secrets(self) -> dict[str, Any]:
        """The settings with a value for every secret there is, by which it can be found again."""
        values = dict(self.settings)
        plain = self.destination.settings(**values)
        for name in type(plain).model_fields:
            if isinstance(getattr(plain, name), SecretStr):
                values[name] = f"{SECRET}{name}"
        return values

    def groups(self) -> list[list[Work]]:
        """Works grouped as the engine may: one object and kind, a work a record, as many as fit."""
        groups: dict[tuple[str, str], dict[Any, Work]] = {}
        for work in self.all_works():
            groups.setdefault((work.record.object, work.kind), {}).setdefault(work.record, work)
        found = []
        for (name, _), works in groups.items():
            gathered = name in self.destination.gather(self.configured())
            size = GATHERED if gathered else self.destination.batch.get(name, 1)
            found.append(list(works.values())[:size])
        return found

    def all_works(self) -> Iterator[Work]:
        """Each operation of each sample event, as work."""
        for message in self.messages:
            planned = self.destination.plan(self.configured(), event_of(message), KNOWN, None)
            yield from works_of(planned, {})

    def trait_names(self) -> tuple[str, ...]:
        """Names that the field tables read."""
        names = {"email", "name", "accountId", "groupId"}
        for mapping in self.destination.mappings:
            for field in mapping.fields:
                for source in field.sources:
                    paths = source.reads if isinstance(source, Derived) else (source,)
                    names.update(path.partition(".")[2] for path in paths)
        return tuple(sorted(names - {""}))

    # exchange

    def test_every_sample_event_is_planned_and_delivered_by_a_healthy_vendor(self) -> None:
        for message in self.messages:
            planned = self.destination.plan(self.configured(), event_of(message), KNOWN, None)
            assert isinstance(planned.plan, tuple), (message, planned.plan)
            for driven in deliver(self.destination, self.configured(), planned, self.destination.pretend):
                assert all(isinstance(outcome, Delivered) for outcome in driven.outcomes), driven.outcomes
                assert driven.requests, "a new record needs a call"

    @relaxed
    @given(data=st.data())
    def test_every_work_is_settled_whatever_the_vendor_answers(self, data: st.DataObject) -> None:
        script = data.draw(st.lists(answers, min_size=1, max_size=8))
        for works in self.groups():
            driven = self.drive(works, Hostile(script, self.destination.pretend))
            assert driven.settled.keys() | driven.failed | driven.untried == set(range(len(works)))

    @relaxed
    @given(answer=answers.filter(lambda answer: isinstance(answer, Response)))
    def test_an_exchange_ends_when_every_answer_is_the_same(self, answer: Response) -> None:
        for works in self.groups():
            self.drive(works, lambda request: answer)

    @pytest.mark.parametrize("sent", [True, False])
    @pytest.mark.parametrize("place", range(6))
    def test_a_lost_call_leaves_only_its_own_works_in_doubt(self, place: int, sent: bool) -> None:
        for works in self.groups():
            calls: list[Request] = []

            def vendor(request: Request, calls: list[Request] = calls) -> Response:
                calls.append(request)
                if len(calls) == place + 1:
                    raise CallFailed("timeout" if sent else "unreachable", "lost", sent=sent)
                return self.destination.pretend(request)

            driven = self.drive(works, vendor)
            carried = set(calls[place].works) if len(calls) > place else set()
            assert driven.failed <= carried
            for work, settled in driven.settled.items():
                if work not in carried:
                    assert isinstance(settled.outcome, Delivered)

    @pytest.mark.parametrize("status", [200, 201, 204])
    @pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"result":tr'], ids=["page", "cut"])
    def test_a_page_or_a_cut_body_is_no_success(self, status: int, body: bytes) -> None:
        for works in self.groups():
            driven = self.drive(works, lambda request: Response(status, {}, body))
            assert not any(isinstance(outcome, Delivered) for outcome in driven.outcomes), driven.outcomes

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_credentials_block_and_reject_nothing(self, status: int) -> None:
        for works in self.groups():
            driven = self.drive(works, lambda request: Response(status, {}, b'{"message":"no"}'))
            assert all(
                outcome == Blocked("credentials_refused", outcome.detail) for outcome in driven.outcomes
            )

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    @pytest.mark.parametrize("body", [b"", b"<html></html>", b"{}"], ids=["empty", "page", "json"])
    def test_errors_of_the_vendor_are_tried_again(self, status: int, body: bytes) -> None:
        for works in self.groups():
            driven = self.drive(works, lambda request: Response(status, {}, body))
            assert all(isinstance(outcome, Retry) for outcome in driven.outcomes), driven.outcomes

    def test_too_many_requests_throttle(self) -> None:
        for works in self.groups():
            driven = self.drive(works, lambda request: Response(429, {}, b""))
            assert all(isinstance(outcome, Throttled) for outcome in driven.outcomes), driven.outcomes
            assert len(driven.requests) <= len(works)

    def drive(self, works: Sequence[Work], vendor: Vendor) -> Driven:
        """Drive an exchange; its requests, outcomes and reasons are held to the rules for all of them."""
        settings = self.configured()
        driven = drive(self.destination, settings, works, vendor)
        for request in driven.requests:
            assert_secrets_in_headers_only(request)
        for settled in driven.settled.values():
            assert_reason_is_listed(settled.outcome)
            assert SECRET not in repr(settled)
        return driven

    # plan

    @relaxed
    @given(data=st.data())
    def test_plan_is_pure_and_never_raises(self, data: st.DataObject) -> None:
        event: Event = data.draw(events(self.trait_names()))
        identity = data.draw(identities)
        before = repr(event)
        first = self.destination.plan(self.configured(), event, identity, None)
        again = self.destination.plan(self.configured(), event, identity, None)
        assert first == again
        assert repr(event) == before, "the plan changed the event"
        assert SECRET not in repr(first)
        if isinstance(first.plan, Filtered | Rejected | Parked):
            assert_reason_is_listed(first.plan)
            return
        for work in works_of(first, {}):
            self.drive([work], self.destination.pretend)

    # settings

    def test_settings_survive_being_written_and_read(self) -> None:
        settings = self.configured()
        written = json.loads(json.dumps(revealed(settings)))
        assert self.destination.settings(**written) == settings

    def test_every_setting_explains_itself(self) -> None:
        schema = self.destination.settings.model_json_schema()
        for name, entry in schema["properties"].items():
            assert entry.get("title") and entry.get("description"), name

    def test_settings_without_a_default_have_examples_and_these_hold_together(self) -> None:
        fields = self.destination.settings.model_fields
        bare = [name for name, field in fields.items() if field.is_required() or not default(name, field)]
        assert [
            name for name in bare if not fields[name].examples and not inner_model(fields[name].annotation)
        ] == []
        examples = {name: field.examples[0] for name, field in fields.items() if field.examples}
        self.destination.settings(**examples)

    def test_an_unknown_setting_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            self.destination.settings(**self.settings, no_such_setting=1)

    def test_secrets_do_not_show(self) -> None:
        settings = self.configured()
        shown = [repr(settings), str(settings), settings.model_dump_json(), self.destination.tenant(settings)]
        shown += [repr(self.destination.budgets(settings)), repr(self.destination.warnings(settings))]
        assert not any(SECRET in text for text in shown)

    # check

    @relaxed
    @given(script=st.lists(answers, max_size=4))
    def test_check_reads_only_and_names_settings(self, script: list[Response | CallFailed]) -> None:
        settings = self.configured()
        vendor = Hostile(script, self.destination.pretend)
        conversation = self.destination.check(settings)
        fields = type(settings).model_fields
        try:
            item: Request | Finding = next(conversation)
            while True:
                if isinstance(item, Finding):
                    assert item.message and (not item.setting or item.setting in fields)
                    assert SECRET not in item.message
                    item = next(conversation)
                    continue
                assert_secrets_in_headers_only(item)
                assert item.repeatable and not item.works
                item = conversation.send(vendor(item))
        except StopIteration:
            pass
        except CallFailed:
            pass

    # doctor

    @relaxed
    @given(script=st.lists(answers, max_size=4))
    def test_describe_reads_only_and_ends_with_fields_or_a_finding(
        self, script: list[Response | CallFailed]
    ) -> None:
        doctor, settings = self.destination.doctor, self.configured()
        if doctor is None:
            return
        vendor = Hostile(script, self.destination.pretend)
        conversation = doctor.describe(settings)
        ends = 0
        with contextlib.suppress(StopIteration, CallFailed):
            item = next(conversation)
            while True:
                if isinstance(item, Request):
                    assert_secrets_in_headers_only(item)
                    assert item.repeatable and not item.works
                    item = conversation.send(vendor(item))
                    continue
                ends += 1
                assert SECRET not in repr(item)
                if isinstance(item, Schema):
                    assert item.objects
                    assert all(one.message for one in doctor.examine(settings, item))
                item = next(conversation)
        assert ends <= 1

    def test_the_doctor_takes_no_nonsense_for_fields(self) -> None:
        if (doctor := self.destination.doctor) is None:
            return
        assert all(use.object and use.field and use.source for use in doctor.uses(self.configured()))
        for nonsense in (None, 1, "x", [], {}, [1], {"data": 7}):
            with pytest.raises(ValueError, match=r"\w"):
                doctor.read(nonsense)

    @relaxed
    @given(data=st.data())
    def test_plan_is_pure_and_never_raises_whatever_the_fields_are(self, data: st.DataObject) -> None:
        if (doctor := self.destination.doctor) is None:
            return
        uses = doctor.uses(self.configured())
        if not uses:  # settings by which nothing is written field by field
            return
        kinds = st.sampled_from([*TYPES, "ELSE"])
        schema = data.draw(schemas(uses, kinds))
        event: Event = data.draw(events(self.trait_names()))
        first = self.destination.plan(self.configured(), event, KNOWN, schema)
        assert first == self.destination.plan(self.configured(), event, KNOWN, schema)
        assert SECRET not in repr(first)
        if isinstance(first.plan, Filtered | Rejected | Parked):
            assert_reason_is_listed(first.plan)
            return
        for work in works_of(first, {}):
            self.drive([work], self.destination.pretend)

    # documents

    def test_the_readme_is_fresh(self) -> None:
        if self.readme is not None:
            text = self.readme.read_text(encoding="utf-8")
            assert text == fill(text, self.destination), "run `python -m gainstage.reference`"


#: Types of fields, as vendors call them.
TYPES = (
    "STRING", "EMAIL", "URL", "NUMBER", "PERCENTAGE", "CURRENCY", "BOOLEAN", "DATE", "DATETIME", "DATE_TIME",
    "GSID", "LOOKUP", "PICKLIST", "MULTISELECTDROPDOWNLIST", "RICHTEXTAREA", "SFDCID",
)  # fmt: skip


@st.composite
def schemas(draw: st.DrawFn, uses: Sequence[Use], kinds: st.SearchStrategy[str]) -> Schema:
    """A tenant that has some of the fields in use, of any type."""
    objects: dict[str, dict[str, TenantField]] = {}
    for use in draw(st.lists(st.sampled_from(uses), unique=True, min_size=1)):
        items = tuple(Item(word) for word in draw(st.sampled_from([(), ("Gold", "Silver"), ("1",)])))
        length = draw(st.sampled_from([None, 1, 255]))
        made = TenantField(use.field, draw(kinds), length=length, items=items, read_only=draw(st.booleans()))
        objects.setdefault(use.object, {})[use.field] = made
    return Schema(tuple(Object(name, tuple(fields.values())) for name, fields in objects.items()))


def revealed(value: Any) -> Any:
    """Settings as a configuration file holds them."""
    if isinstance(value, BaseModel):
        return {name: revealed(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: revealed(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(inner) for inner in value]
    return value


def assert_secrets_in_headers_only(request: Request) -> None:
    """A secret stands in a header that is declared as such, and nowhere else; headers are printable."""
    assert SECRET not in request.url
    assert SECRET.encode() not in request.body
    for name, value in request.headers.items():
        assert name.isascii() and value.isascii() and value.isprintable(), (name, value)
        assert SECRET not in value or name in request.secret_headers, name


WORDS_OF = {
    Filtered: {"filtered"},
    Rejected: {"failed"},
    Parked: {"parked"},
    Retry: {"pending"},
    Blocked: {"pending"},
}


def assert_reason_is_listed(outcome: Outcome) -> None:
    """Codes are from the closed list, under the word of their outcome, with a sentence beside them."""
    if isinstance(outcome, Delivered | Throttled):
        return
    assert outcome.code in REASONS, outcome
    assert outcome.detail, outcome
    words = (
        {"parked"}
        if isinstance(outcome, Unknown) and outcome.hold
        else WORDS_OF.get(type(outcome), {"pending"})
    )
    assert REASONS[outcome.code].word in words, outcome
