"""From what stands to what is announced: each beginning and each end once, also across restarts. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from gainstage.alerts.conditions import Condition
from gainstage.clock import SECOND_US
from gainstage.operating import Alerts
from gainstage.store.rows import AlertRow

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Condition).decode


class News(msgspec.Struct, frozen=True):
    """What somebody is to be told."""

    row: AlertRow
    condition: Condition

    @property
    def ended(self) -> bool:
        """Whether it is about the end; the beginning is told before."""
        return self.row.told


class Announcer:
    """Every alert that stands, or whose end was not told yet."""

    def __init__(self, rows: Iterable[AlertRow], now_us: int) -> None:
        self._rows = {row.key: row for row in rows}
        self._seen_us = dict.fromkeys(self._rows, now_us)
        #: Rows that are to be kept, None where one is to be removed.
        self.changed: dict[str, AlertRow | None] = {}

    def look(self, standing: Mapping[str, Condition], settings: Alerts, now_us: int) -> list[News]:
        """Take in what stands now; what began or ended by that, each once."""
        found = []
        for key, condition in standing.items():
            self._seen_us[key] = now_us
            if key not in self._rows:
                found.append(self._put(AlertRow(key, now_us, None, False, _encode(condition))))
        for key, row in tuple(self._rows.items()):
            quiet_us = now_us - self._seen_us[key]
            if quiet_us < 0:  # the clock was set back
                self._seen_us[key] = now_us
            over = key not in standing and quiet_us >= settings.ends_after_seconds * SECOND_US
            if row.ended_us is None and over:
                found.append(self._put(msgspec.structs.replace(row, ended_us=now_us)))
        return found

    def next(self) -> News | None:
        """What is to be told next, the oldest first; None when everybody knows everything."""
        for row in self._rows.values():
            if not row.told or row.ended_us is not None:
                return News(row, condition_of(row))
        return None

    def told(self, news: News) -> None:
        """Somebody was told."""
        row = self._rows.get(news.row.key)
        if row is None:
            return
        if row.told:
            del self._rows[row.key], self._seen_us[row.key]
            self.changed[row.key] = None
        else:
            self._put(msgspec.structs.replace(row, told=True))

    def take_changed(self) -> dict[str, AlertRow | None]:
        """What is to be kept since the last time."""
        changed, self.changed = self.changed, {}
        return changed

    def give_back(self, changed: Mapping[str, AlertRow | None]) -> None:
        """It could not be kept, and is to be tried again, unless it changed meanwhile."""
        self.changed = {**changed, **self.changed}

    def _put(self, row: AlertRow) -> News:
        self._rows[row.key] = self.changed[row.key] = row
        return News(row, condition_of(row))


def condition_of(row: AlertRow) -> Condition:
    """What an alert is about."""
    return _decode(row.body)
