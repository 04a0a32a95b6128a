"""Write-ahead logs of SQLite whose disk altered a bit, mended before SQLite reads them.

After an unclean end SQLite carries over what its write-ahead log holds, up to the first frame whose checksum
is wrong: it takes that for the end of what was written, and says nothing. For a torn write that is right. A
bit that the disk altered would cost everything behind it, which was synced and acknowledged.

The two are told apart here. A checksum is 64 bits of linear arithmetic: what one altered bit makes of it is
known, and where just one bit explains the difference it is turned back. The upper bits of a word are alike in
many places. A frame with such a bit is damaged, and so is one with frames of a later transaction behind it,
since each commit waits for its sync (`synchronous=FULL`). Then everything is carried over into the database
here, and the pages of damaged frames that no later frame holds anew get a checksum that is wrong (cksumvfs):
whoever reads one hears that it is damaged. Anything else is the end of what was written.

The format is SQLite's [documented: www.sqlite.org/fileformat2.html, 4, "The Write-Ahead Log"].
"""

import fcntl
import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import takewhile
from operator import mul
from pathlib import Path
from typing import NamedTuple

from gainstage.sqlite import CHECKSUM_BYTES, RESERVED_AT, StorageDamaged

ENDING = "-wal"
MAGIC, VERSION = 0x377F0682, 3_007_000
HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
#: What of a header, and of a frame's, its checksum covers; where the salts stand in either.
HEADER_CHECKED, FRAME_CHECKED = 24, 8
SALTS_IN_HEADER, SALTS_IN_FRAME = slice(16, 24), slice(8, 16)
SMALLEST_PAGE, LARGEST_PAGE = 512, 65_536
#: The byte of the -shm file that SQLite holds a lock on while a connection is open.
HELD_AT = 128
WORD = 0xFFFF_FFFF
#: What the first page of a database begins with, and no other.
FIRST_PAGE = b"SQLite format 3\0"

Sums = tuple[int, int]


class Mended(NamedTuple):
    """What was done to a write-ahead log: frames whose altered bit was turned back (0 is the header), and
    frames that are damaged, whose pages are marked so.
    """

    turned_back: tuple[int, ...]
    damaged: tuple[int, ...]


def mend_write_ahead(path: Path) -> Mended | None:
    """Mend the write-ahead log of a database that nobody has open; None where there was nothing to do.

    Raises:
        StorageDamaged: it is damaged in a way that cannot be mended, or somebody has it open.
        OSError: it cannot be read or written.
    """
    file = path.with_name(f"{path.name}{ENDING}")
    try:
        content = bytearray(file.read_bytes())
    except FileNotFoundError:
        return None
    journal = _Journal.of(content)
    if journal is None or not journal.mend(path):
        return None
    _refuse_company(path)
    if journal.damaged:
        journal.carry_over(path)
        file.unlink()
    else:
        new = file.with_name(f"{file.name}.new")
        new.touch(mode=0o600)
        with new.open("wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        new.replace(file)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Mended(tuple(journal.turned_back), tuple(journal.damaged))


class _Journal:
    """A write-ahead log in memory."""

    def __init__(self, content: bytearray, page_bytes: int, salts: bytes, *, little: bool) -> None:
        self._content, self._salts = content, salts
        self._swaps = little != (sys.byteorder == "little")
        self._little = little
        self._page_bytes, self._frame_bytes = page_bytes, FRAME_HEADER_BYTES + page_bytes
        self._highest = 0  # the highest number that a page may have
        self.turned_back: list[int] = []
        #: The numbers of damaged frames, each with the pages of which it may be one.
        self.damaged: dict[int, set[int]] = {}

    @classmethod
    def of(cls, content: bytearray) -> "_Journal | None":
        """None for what is too short or has nothing of such a log."""
        if len(content) < HEADER_BYTES + FRAME_HEADER_BYTES + SMALLEST_PAGE:
            return None
        for bit in (None, *range(8 * HEADER_BYTES)):
            header = bytearray(content[:HEADER_BYTES])
            if bit is not None:
                header[bit // 8] ^= 1 << bit % 8
            magic, version, page_bytes, _, _, _, *told = struct.unpack(">8I", header)
            possible = page_bytes.bit_count() == 1 and SMALLEST_PAGE <= page_bytes <= LARGEST_PAGE
            if not possible or magic | 1 != MAGIC | 1 or version != VERSION:
                continue
            journal = cls(content, page_bytes, bytes(header[SALTS_IN_HEADER]), little=magic == MAGIC)
            if journal._sums(header[:HEADER_CHECKED], (0, 0)) != tuple(told):
                continue
            if bit is None:
                return journal
            if journal._fits(HEADER_BYTES, (told[0], told[1])):  # else another bit explains it as well
                content[:HEADER_BYTES] = header
                journal.turned_back.append(0)
                return journal
        return None

    def mend(self, path: Path) -> bool:
        """Go through the frames from the first one; whether any was altered.

        Raises:
            StorageDamaged: of which page a damaged frame is cannot be told.
        """
        sums, begun = self._told(HEADER_BYTES - 8), 1  # the first frame of the transaction
        database_bytes = path.stat().st_size if path.exists() else 0
        committed = [self._committed(at) for _, at in self._ours()]
        self._highest = max([database_bytes // self._page_bytes, *committed])
        least, most = 1, self._highest
        for number, at in self._frames():
            if not self._fits(at, sums):
                places = self._places(at, sums, (least, most + number - begun + 1))
                if len(places) == 1:
                    ((byte, bit),) = places
                    self._content[byte] ^= 1 << bit
                    self.turned_back.append(number)
                elif places or self._was_synced(at):
                    self.damaged[number] = self._pages_of(at, places)
                    ours = self._content[at + 8 : at + 16] == self._salts
                    if not ours or max(self.damaged[number]) > self._highest:
                        raise StorageDamaged(_beyond(path))
                else:
                    break  # the end of what was written
            sums = self._told(at + FRAME_HEADER_BYTES - 8)
            if pages := self._committed(at):
                least, most, begun = pages, pages, number + 1
        return bool(self.turned_back or self.damaged)

    def carry_over(self, path: Path) -> None:
        """Bring what was committed into the database, as SQLite does: over and over comes to the same.

        Raises:
            StorageDamaged: the database has no checksums, so that a damaged page could not be told.
        """
        newest, marked, pages = self._newest()
        with path.open("r+b") as database:
            first = self._page_at(newest[1]) if 1 in newest else database.read(self._page_bytes)
            if first[RESERVED_AT] != CHECKSUM_BYTES or max(newest, default=0) > pages:
                raise StorageDamaged(_beyond(path))
            for page in sorted(newest.keys() | marked):
                if page in newest:
                    content = self._page_at(newest[page])[:-CHECKSUM_BYTES]
                else:
                    database.seek((page - 1) * self._page_bytes)
                    content = database.read(self._page_bytes)[:-CHECKSUM_BYTES]
                    content += bytes(self._page_bytes - CHECKSUM_BYTES - len(content))
                sums = _page_sums(content)
                wrong = WORD if page in marked else 0
                database.seek((page - 1) * self._page_bytes)
                database.write(content + struct.pack("<2I", sums[0] ^ wrong, sums[1] ^ wrong))
            database.truncate(pages * self._page_bytes)
            database.flush()
            os.fsync(database.fileno())

    def _newest(self) -> tuple[dict[int, int], set[int], int]:
        """By page where its newest frame that was committed stands; pages that are damaged; how many pages
        there are.
        """
        newest: dict[int, int] = {}
        marked: set[int] = set()
        waiting: list[tuple[int, int]] = []
        pages, sums = 0, self._told(HEADER_BYTES - 8)
        for number, at in self._frames():
            if number not in self.damaged and not self._fits(at, sums):
                break
            sums = self._told(at + FRAME_HEADER_BYTES - 8)
            waiting.append((number, at))
            if committed := self._committed(at):
                pages = committed
                for one, place in waiting:
                    if one in self.damaged:
                        marked |= self.damaged[one]
                    else:
                        page = int.from_bytes(self._content[place : place + 4])
                        newest[page] = place
                        marked.discard(page)
                waiting.clear()
        return newest, marked, pages

    def _frames(self) -> Iterator[tuple[int, int]]:
        count = (len(self._content) - HEADER_BYTES) // self._frame_bytes
        return ((number + 1, HEADER_BYTES + number * self._frame_bytes) for number in range(count))

    def _ours(self) -> Iterator[tuple[int, int]]:
        """The frames at the start that seem to be of the newest generation."""
        return takewhile(lambda one: self._content[one[1] + 8 : one[1] + 16] == self._salts, self._frames())

    def _page_at(self, at: int) -> bytes:
        return bytes(self._content[at + FRAME_HEADER_BYTES : at + self._frame_bytes])

    def _committed(self, at: int) -> int:
        """How many pages there are after the transaction that a frame ends; 0 where it ends none."""
        return int.from_bytes(self._content[at + 4 : at + 8])

    # checksums

    def _fits(self, at: int, sums: Sums) -> bool:
        """Whether a frame is as it was written behind one with that checksum."""
        return self._content[at + 8 : at + 16] == self._salts and (
            self._sums(self._checked(at), sums) == self._told(at + FRAME_HEADER_BYTES - 8)
        )

    def _told(self, at: int) -> Sums:
        first, second = struct.unpack_from(">2I", self._content, at)
        return first, second

    def _checked(self, at: int) -> bytes:
        return bytes(
            self._content[at : at + FRAME_CHECKED]
            + self._content[at + FRAME_HEADER_BYTES : at + self._frame_bytes]
        )

    def _sums(self, content: bytes | bytearray, sums: Sums) -> Sums:
        """The checksum over words, begun with another one.

        Each half adds the words in turn to what it and the other half hold: the n-th word from the end counts
        as often as the n-th number of Fibonacci's says.
        """
        words = array("I", bytes(content))
        if self._swaps:
            words.byteswap()
        times = _fibonacci(len(words) + 2)
        count = len(words)
        second = sum(map(mul, words, times[count:0:-1]))
        first = sum(map(mul, words[:-1], times[count - 1 : 0 : -1]))
        second += times[count + 1] * sums[1] + times[count] * sums[0]
        first += times[count] * sums[1] + times[count - 1] * sums[0]
        return first & WORD, second & WORD

    # damage

    def _places(self, at: int, sums: Sums, possible: tuple[int, int]) -> list[tuple[int, int]]:
        """Every byte and bit that alone explains why a frame does not fit. After a transaction that ends with
        it there are at least and at most so many pages.
        """
        found, told = self._sums(self._checked(at), sums), self._told(at + FRAME_HEADER_BYTES - 8)
        salts = int.from_bytes(self._content[at + 8 : at + 16]) ^ int.from_bytes(self._salts)
        if salts:
            bit = salts.bit_length() - 1
            is_one = found == told and salts.bit_count() == 1
            return [(at + 15 - bit // 8, bit % 8)] if is_one else []
        places = []
        altered = found[1] ^ told[1] | (found[0] ^ told[0]) << 32
        if altered.bit_count() == 1:
            bit = altered.bit_length() - 1
            places.append((at + FRAME_HEADER_BYTES - 1 - bit // 8, bit % 8))
        after = at + self._frame_bytes
        if after + self._frame_bytes <= len(self._content):  # the next one was begun with what was told
            if places and self._fits(after, found):
                return places
            if self._fits(after, told):
                places.clear()
        first, second = told[0] - found[0], told[1] - found[1]
        count = (FRAME_CHECKED + self._page_bytes) // 4
        for added in (1, -1):
            for place, bit in _effects(count).get((first * added & WORD, second * added & WORD), ()):
                byte = self._byte(at, count - place, bit)
                is_set = self._content[byte] >> bit % 8 & 1
                if is_set == (added < 0) and self._is_possible(at, byte, bit % 8, possible):
                    places.append((byte, bit % 8))
        return places

    def _is_possible(self, at: int, byte: int, bit: int, possible: tuple[int, int]) -> bool:
        """Whether a frame's header tells of pages that there may be with that bit turned back."""
        header = bytearray(self._content[at : at + FRAME_CHECKED])
        is_first = self._page_at(at).startswith(FIRST_PAGE)
        if byte - at < FRAME_CHECKED:
            header[byte - at] ^= 1 << bit
        page, pages = struct.unpack(">2I", header)
        least, most = possible
        if byte - at < FRAME_CHECKED and (page == 1) != is_first:
            return False
        return 1 <= page <= self._highest and (not pages or least <= pages <= most)

    def _pages_of(self, at: int, places: Sequence[tuple[int, int]]) -> set[int]:
        """The pages of which a damaged frame may be one."""
        page = int.from_bytes(self._content[at : at + 4])
        found = {page}
        for byte, bit in places:
            if byte - at < 4:
                found.add(page ^ 1 << 8 * (3 - (byte - at)) + bit)
        return found

    def _byte(self, at: int, word: int, bit: int) -> int:
        """Where the byte of a bit of a word that is checked stands."""
        within = word * 4 + (bit // 8 if self._little else 3 - bit // 8)
        return at + within + (0 if within < FRAME_CHECKED else FRAME_HEADER_BYTES - FRAME_CHECKED)

    def _was_synced(self, at: int) -> bool:
        """Whether frames of a later transaction stand behind a frame: its own was synced before them."""
        committed, before = False, None
        for _, other in self._frames():
            if other <= at:
                continue
            if self._content[other + 8 : other + 16] != self._salts:
                return False
            told = self._told(other + FRAME_HEADER_BYTES - 8)
            fits = before is None or self._sums(self._checked(other), before) == told
            if committed and fits and before is not None:
                return True
            committed |= bool(int.from_bytes(self._content[other + 4 : other + 8]))
            before = told
        return False


def _beyond(path: Path) -> str:
    return (
        f"{path}{ENDING} is damaged in a way that cannot be mended; check the disk, and do what "
        f"docs/reliability.md says of a damaged {path.name}."
    )


def _refuse_company(path: Path) -> None:
    """Somebody who has the database open goes on with what SQLite made of the damaged write-ahead log."""
    shared = path.with_name(f"{path.name}-shm")
    with suppress(FileNotFoundError), shared.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, HELD_AT)
        except OSError:
            raise StorageDamaged(
                f"{path}{ENDING} is to be mended, but another process has {path.name} open; end that one and "
                "start again."
            ) from None


@cache
def _fibonacci(count: int) -> Sequence[int]:
    """Fibonacci's numbers from the 0th, each within a word."""
    found = [0, 1]
    while len(found) <= count:
        found.append((found[-1] + found[-2]) & WORD)
    return found


def _page_sums(content: bytes) -> Sums:
    """The checksum that a page of a database ends in [documented: sqlite.org/cksumvfs.html]."""
    return _Journal(bytearray(), 0, b"", little=True)._sums(content, (0, 0))


@cache
def _effects(count: int) -> dict[Sums, list[tuple[int, int]]]:
    """What a bit of a word that is added changes of a checksum over so many words: to the place of the word,
    from the end, and the bit.
    """
    found: dict[Sums, list[tuple[int, int]]] = {}
    times = _fibonacci(count + 2)
    for place in range(1, count + 1):
        for bit in range(32):
            effect = (times[place - 1] << bit) & WORD, (times[place] << bit) & WORD
            found.setdefault(effect, []).append((place, bit))
    return found
