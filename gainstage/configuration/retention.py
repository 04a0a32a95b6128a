"""The form of `retention` in the file: how long what arrived, and what became of it, is kept."""

from pydantic import Field

from gainstage.connection import Retention
from gainstage.setting import Form

LONGEST_DAYS = 36_500
GIGABYTE = 10**9
_AT_REST = Retention()


class LogRetention(Form):
    """The messages as they came: what a replay can send again."""

    days: float | None = Field(
        default=_AT_REST.log_days,
        gt=0,
        le=LONGEST_DAYS,
        description="Messages are kept so many days after they were received; `null`: for ever.",
    )
    gigabytes: float | None = Field(
        default=(_AT_REST.log_bytes or 0) / GIGABYTE,
        gt=0,
        description="Of more than this the oldest go; null: no limit.",
    )


class LedgerRetention(Form):
    """What became of the events, with each request and answer; and with it, which messages are duplicates."""

    days: float | None = Field(
        default=_AT_REST.ledger_days,
        gt=0,
        le=LONGEST_DAYS,
        description="Finished events are kept so many days after they were received; `null`: for ever.",
    )
    events: int | None = Field(
        default=_AT_REST.ledger_events,
        ge=1,
        description="Of the newest events so many are kept; null: no limit.",
    )


class HistoryRetention(Form):
    """The archive of events: what audiences and computed traits look back on."""

    enabled: bool = Field(
        default=_AT_REST.history,
        description="Events are archived. Off: none is, from then on, and what was archived stays.",
    )
    days: float | None = Field(
        default=_AT_REST.history_days,
        gt=0,
        le=LONGEST_DAYS,
        description="Events are kept so many whole days after they happened; `null`: for ever.",
    )
    gigabytes: float | None = Field(
        default=None, gt=0, description="Of more than this the oldest days go; null: no limit."
    )


class AuditRetention(Form):
    """Who did what."""

    days: float | None = Field(
        default=_AT_REST.audit_days,
        ge=1,
        le=LONGEST_DAYS,
        description="Entries are kept so many days; `null`: for ever.",
    )


class RetentionForm(Form):
    """How long what is finished is kept."""

    log: LogRetention = Field(default_factory=LogRetention, description="The messages as they came.")
    ledger: LedgerRetention = Field(
        default_factory=LedgerRetention, description="What became of the events, and the calls made for them."
    )
    history: HistoryRetention = Field(
        default_factory=HistoryRetention, description="The archive of events, for audiences."
    )
    audit: AuditRetention = Field(default_factory=AuditRetention, description="Who did what.")

    def made(self) -> Retention:
        """As the engine takes it."""
        size = self.log.gigabytes
        log_bytes = int(size * GIGABYTE) if size is not None else None
        history = self.history
        history_bytes = int(history.gigabytes * GIGABYTE) if history.gigabytes is not None else None
        return Retention(
            self.log.days,
            log_bytes,
            self.ledger.days,
            self.ledger.events,
            history.enabled,
            history.days,
            history_bytes,
            self.audit.days,
        )
