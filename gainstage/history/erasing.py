"""Finding a person's rows in the archive, and taking them out: the files that hold some are written anew
without them.

One file is a step, so that archiving goes on in between. Whose events are erased is not let in any more, so
what comes meanwhile holds nothing of theirs.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from gainstage.history.archive import Archive, FileDamaged
from gainstage.history.index import File
from gainstage.history.mending import set_aside
from gainstage.store.forgetting_rows import Names, Someone

if TYPE_CHECKING:
    import pyarrow as pa


class Gone(NamedTuple):
    """What became of a person's rows."""

    rows: int
    #: Somebody reads still: files that count no more are left. To be asked again.
    waiting: bool


class Seen(NamedTuple):
    """What the archive holds of a person."""

    rows: int
    #: Further names of theirs that these rows tell.
    further: Names


class _Names(NamedTuple):
    """By what a person's rows are known."""

    keys: Collection[str]
    emails: Collection[str]

    @property
    def before(self) -> list[str]:
        """How an alias names who they were, whatever kind of id that was."""
        return [*self.keys, *(f"u:{key[2:]}" for key in self.keys)]


def erase(
    archive: Archive,
    keys: Collection[str],
    emails: Collection[str],
    *,
    now_us: int,
    ended: Callable[[], bool] = lambda: False,
) -> Gone:
    """Erase the rows of a person: by whom they are of, whom an alias joins, and the e-mail they tell.

    `keys` are `u:<userId>` and `a:<anonymousId>`, `emails` in lower case. A device of theirs that somebody
    else's row tells goes from that row. May be done again, and ends early when `ended` says so.
    """
    names, rows, clean = _Names(keys, emails), 0, set[int]()
    while not ended():
        with archive.index.reading() as view:
            file = next((one for one in view.files() if one.id not in clean), None)
        if file is None:
            break
        try:
            count, left = _erase_in(archive, file, names)
        except FileDamaged:
            set_aside(archive, file, now_us)
            continue
        rows += count
        clean.add(left)
    left = archive.delete_replaced()
    with archive.changing():
        archive.folder.remove(archive.folder.damaged())
    return Gone(rows, bool(left) or ended())


def look(
    archive: Archive, person: Someone, until_us: int, ended: Callable[[], bool] = lambda: False
) -> Seen | None:
    """What there is of a person, known as `erase` knows them; None when it was ended early. Rows that were
    received later than `until_us` lead to no further names.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names, rows, further = _Names(person.keys, person.emails), 0, set[Names]()
    until = pa.scalar(until_us, pa.timestamp("us"))
    with archive.snapshot() as snapshot:
        for file in snapshot.files:
            if ended():
                return None
            try:
                table = archive.read(file, ("kind", "person", "also", "email", "received"))
            except FileDamaged:
                continue
            theirs = table.filter(_theirs(table, names)[0])
            rows += theirs.num_rows
            early = theirs.filter(pc.less_equal(theirs["received"].cast(pa.timestamp("us")), until))
            aliases = early.filter(pc.equal(early["kind"], "alias"))
            joined = aliases.filter(_among(aliases["also"], names.before))["person"].to_pylist()
            further |= {Names(frozenset(joined)).without(person)}
            telling = zip(early["person"].to_pylist(), early["email"].to_pylist(), strict=True)
            further |= {person.further(whose, [email]) for whose, email in telling if email}
    return Seen(rows, Names().and_(further))


def _erase_in(archive: Archive, file: File, names: _Names) -> tuple[int, int]:
    """Write a file anew if it holds something of the person: how many rows went, and the number of the file
    that is clean now.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    with archive.changing() as transaction:
        if not transaction.all_count([file]):
            return 0, file.id
        table = archive.read(file)
        theirs, named = _theirs(table, names)
        if not pc.any(pc.or_(theirs, named)).as_py():
            return 0, file.id
        gone = table.filter(theirs)
        transaction.count_no_more(gone["once"].to_pylist())
        transaction.add_to("epoch", 1)
        transaction.replace([file])
        without = pc.if_else(named, pa.scalar(None, pa.string()), table["also"])
        left = table.set_column(table.column_names.index("also"), "also", without).filter(pc.invert(theirs))
        if not left.num_rows:
            return gone.num_rows, file.id
        return gone.num_rows, archive.add(transaction, left, file.day).id


def _theirs(table: "pa.Table", names: _Names) -> tuple["pa.ChunkedArray", "pa.ChunkedArray"]:
    """Which rows are the person's, and which name a device of theirs."""
    import pyarrow.compute as pc

    before = pc.and_(pc.equal(table["kind"], "alias"), _among(table["also"], names.before))
    told = _among(table["email"], names.emails)
    theirs = pc.or_(pc.or_(_among(table["person"], names.keys), before), told)
    return theirs, _among(table["also"], names.keys)


def _among(column: "pa.ChunkedArray", names: Collection[str]) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=pa.array(list(names), pa.string()))
