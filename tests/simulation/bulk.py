"""People in bulk at the scripted Gainsight CS: accepted at once, carried out at a time of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gainstage.destination import Request, Response
from gainstage.testing.clock import VirtualClock
from tests.simulation.answers import as_json, envelope

PATH = "/people/async"
#: At most the documented half an hour.
SECONDS = (1, 20, 100, 600, 1_790)
#: No call takes longer to get there.
ON_ITS_WAY_US = 1_000_000


@dataclass
class Job:
    """An accepted call."""

    rows: list[dict[str, Any]]
    due_us: int
    errors: list[dict[str, Any]] | None = None


@dataclass
class Bulk:
    """The accepted calls. What the vendor's documents leave open differs from world to world."""

    clock: VirtualClock
    chance: random.Random
    write: Callable[[dict[str, Any]], Response]
    jobs: dict[str, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.first_row = self.chance.choice((0, 1))
        self.place = self.chance.choice(("", "status/"))
        self.lists = self.chance.random() < 0.5
        self._hurries_until_us = 0

    def is_call(self, request: Request) -> bool:
        """Whether it brings people, and does not ask what became of them."""
        return request.method == "PUT" and request.url.endswith(PATH)

    def is_question(self, request: Request) -> bool:
        """Whether it asks what became of such a call."""
        return f"{PATH}/" in request.url

    def may_write(self, email: str) -> bool:
        """Whether an accepted call is still to write this person."""
        return any(job.errors is None and any(row["Email"] == email for row in job.rows)
                   for job in self.jobs.values())  # fmt: skip

    def jumped(self, seconds: float) -> None:
        """Our clock was set. Forward, and the time in which the vendor may carry out what it was given is
        over early for us: it happens to be done with it, also with what is being handed to it.
        """
        if seconds > 0:
            now_us = self.clock.elapsed_us
            self._hurries_until_us = now_us + ON_ITS_WAY_US
            for job in self.jobs.values():
                job.due_us = min(job.due_us, now_us)
            self.process()

    def process(self) -> None:
        """Carry out the calls whose time has come, the earliest first."""
        waiting = [job for job in self.jobs.values() if job.errors is None]
        for job in sorted(waiting, key=lambda one: one.due_us):
            if job.due_us > self.clock.elapsed_us:
                break
            job.errors = []
            for number, row in enumerate(job.rows, self.first_row):
                told = self.write(row).json()
                if not told["result"]:
                    named = [one for errors in (told["data"]["errors"] or ()) for one in errors[0]["errors"]]
                    job.errors.append({"rowNumber": number, "errorCode": told["errorCode"], **(
                        named[0] if named else {"errorMessage": "bad"})})  # fmt: skip

    def answer(self, request: Request, body: Any) -> Response:
        """What it says to a call, and to who asks."""
        self.process()
        if self.is_call(request):
            number = f"job-{len(self.jobs)}"
            now_us, seconds = self.clock.elapsed_us, self.chance.choice(SECONDS)
            seconds = 0 if now_us < self._hurries_until_us else seconds
            self.jobs[number] = Job(body["records"], now_us + seconds * 1_000_000)
            return envelope({"statusId": number})
        place, _, number = request.url.partition(f"{PATH}/")[2].rpartition("/")
        if place != self.place.rstrip("/"):
            return as_json(404, {"result": False, "errorCode": "GSOBJ_1023", "errorDesc": "Invalid API path"})
        job = self.jobs[number]
        if job.errors is None:
            return envelope({"status": self.chance.choice(("INIT", "INPROGRESS"))})
        told: dict[str, Any] = {"status": "COMPLETED", "failedCount": len(job.errors), "errors": job.errors}
        if self.lists:
            bad = {error["rowNumber"] for error in job.errors}
            told["success"] = [{"Email": row["Email"]} for number, row in enumerate(job.rows, self.first_row)
                               if number not in bad]  # fmt: skip
        return envelope(told)
