"""How the log of a running server looks: one line an event on stderr, whichever process says it.

What is said is an event's name and fields. Nothing that is about a person, and no secret, is among them on
any level: ids, traits, names and e-mails stay in the store, what a vendor said stays in `trace`.
"""

import logging
import sys
from typing import Literal, NamedTuple

import structlog

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["plain", "json"]


class Style(NamedTuple):
    """How much is said, and how it is written."""

    level: Level = "info"
    form: Form = "plain"


def log_lines(style: Style = Style()) -> None:  # noqa: B008 - it cannot be changed
    """Set structlog and the standard library up alike: time, level, event and its fields.

    The level is ours alone: libraries, which know neither secrets nor people, keep to warnings.
    """
    around = (
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *around[1:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if style.form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=around,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("gainstage").setLevel(style.level.upper())
