"""The log of a running server."""

import json
import subprocess
import sys

SAYS = """
import logging
import sys
import structlog
from gainstage.app.logging import Style, log_lines
log_lines(Style(form=sys.argv[1]))
structlog.get_logger("gainstage.app").warning("configuration_problem", problem="two words")
logging.getLogger("gainstage.delivery").info("configuration_loaded", extra={"revision": 3})
logging.getLogger("httpx2").info("a call, with its address")
try:
    raise ValueError("broken\\nline")
except ValueError as error:
    logging.getLogger("gainstage.ingest").error("log_failed", exc_info=error)
"""


def test_every_line_is_an_event_with_its_time_level_and_fields() -> None:
    said = subprocess.run([sys.executable, "-c", SAYS, "plain"], capture_output=True, text=True, check=True)
    assert said.stdout == ""
    lines = [line.split(" ", 1) for line in said.stderr.splitlines()]
    assert all(time.startswith("timestamp=20") for time, _ in lines)
    assert [rest for _, rest in lines[:2]] == [
        'level=warning event=configuration_problem problem="two words"',
        "level=info event=configuration_loaded revision=3",
    ]
    assert len(lines) == 3, "libraries keep to warnings, and a traceback is one line"
    assert "ValueError: broken" in lines[2][1]


def test_with_json_every_line_is_an_object_with_the_same_fields() -> None:
    command = [sys.executable, "-c", SAYS, "json"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second, third = (json.loads(line) for line in said.stderr.splitlines())
    assert (first["level"], first["event"], first["problem"]) == (
        "warning",
        "configuration_problem",
        "two words",
    )
    assert (second["event"], second["revision"]) == ("configuration_loaded", 3)
    assert third["event"] == "log_failed" and "ValueError: broken" in third["exception"]
