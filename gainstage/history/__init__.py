"""The archive of events for audiences: Parquet files in the data folder, and the index that says which count.

Knows the log that it reads and the suppression that it obeys. Knows no definition, no destination, and not
what is computed from it.
"""

from gainstage.history.archive import Archive, Batch, Snapshot
from gainstage.history.archiver import Archiver, Taken
from gainstage.history.index import ArchiveMissing, ArchiveUnavailable

__all__ = ["Archive", "ArchiveMissing", "ArchiveUnavailable", "Archiver", "Batch", "Snapshot", "Taken"]
