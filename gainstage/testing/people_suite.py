"""The part of the destinations' suite that is about forgetting people; `DestinationSuite` brings it along."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from gainstage.destination import Destination, Person, Response
from gainstage.event import Identity
from gainstage.operation import Record
from gainstage.outcome import Delivered, Outcome
from gainstage.store.forgetting_rows import Someone
from gainstage.testing.driving import event_of, works_of

EMAIL = "known@acme.test"
#: How every secret of the suite begins.
SECRET = "s3cret-value-"


class PeopleSuite(ABC):
    """How a destination names people, and deletes them."""

    destination: ClassVar[Destination]
    messages: ClassVar[Sequence[dict[str, Any]]]

    @abstractmethod
    def configured(self) -> Any:
        """The settings with every secret recognisable."""

    def test_every_record_that_is_named_after_a_person_is_declared(self) -> None:
        for message in self.messages:
            event = event_of({**message, "userId": "user-of-suite"})
            planned = self.destination.plan(self.configured(), event, Identity(email=EMAIL), None)
            email = str(event.traits.get("email") or EMAIL).lower()
            someone = Someone(("u:user-of-suite",), (email,), self.destination.people)
            declared = {Record(*key) for key in someone.record_keys()}
            named = {work.record for work in works_of(planned, {}) if isinstance(planned.plan, tuple)}
            theirs = {one for one in named if "user-of-suite" in one.key or email in one.key.lower()}
            assert theirs <= declared, "`people` leaves records out that are named after a person"

    def test_a_deletion_ends_whatever_the_vendor_answers_and_tells_no_secret(self) -> None:
        if self.destination.delete is None:
            assert self.destination.delete_by_hand.endswith(".")
            return
        settings = self.configured()
        for status in (200, 204, 401, 404, 429, 500):
            conversation = self.destination.delete(settings, Person(("u-1", "a/b"), (EMAIL,)))
            answer: Response | None = None
            with pytest.raises(StopIteration) as ended:
                for _ in range(10):
                    request = conversation.send(answer)
                    assert request.method == "DELETE" and SECRET not in request.url
                    answer = Response(status, {}, b"")
            assert isinstance(ended.value.value, Outcome)
            assert isinstance(ended.value.value, Delivered) == (status in (200, 204))
