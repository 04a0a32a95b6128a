"""Messages from files: one JSON message a line, plain or gzip, `-` for stdin. Lines are not looked into."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from gainstage.errors import UsageError

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: A longer line is cut here: it is far too large for a message anyway and will be refused as that.
LINE_BYTES = 1024 * 1024


def read_messages(names: Iterable[str]) -> Iterator[bytes]:
    """The lines of all files in order, blank ones left out. Every file is opened before the first line.

    Raises:
        UsageError: a file cannot be read.
    """
    opened: list[tuple[str, BinaryIO]] = []
    stack = ExitStack()
    try:
        for name in names:
            opened.append((name, _open(name, stack)))
    except BaseException:
        stack.close()
        raise
    return _lines(stack, opened)


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        raw: BinaryIO = io.BufferedReader(cast(io.RawIOBase, io.FileIO(sys.stdin.fileno(), closefd=False)))
        told = "stdin"
    else:
        told = name
        try:
            raw = Path(name).open("rb")  # noqa: SIM115 - closed by the stack of `read_messages`
        except FileNotFoundError:
            raise UsageError(f"{name} does not exist: name a file of messages, or - for stdin.") from None
        except IsADirectoryError:
            raise UsageError(f"{name} is a folder: name a file of messages, or - for stdin.") from None
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror or error}.") from None
    stack.callback(raw.close)
    start = cast(io.BufferedReader, raw).peek(2)[:2]
    if start == GZIP_MAGIC:
        return cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)))
    if told.endswith(".gz") and start:
        raise UsageError(f"{name} is named .gz and is no gzip file: rename it, or compress it.")
    return raw


def _lines(stack: ExitStack, opened: list[tuple[str, BinaryIO]]) -> Iterator[bytes]:
    with stack:
        for name, file in opened:
            number = 0
            try:
                for line in _file_lines(file):
                    number += 1
                    if line:
                        yield line
            except (OSError, EOFError, zlib.error):
                raise UsageError(
                    f"{name} cannot be read beyond line {number}: mend it and send it again; messages with a "
                    "messageId that were taken before are recognised."
                ) from None


def _file_lines(file: BinaryIO) -> Iterator[bytes]:
    first = True
    while line := file.readline(LINE_BYTES + 1):
        complete = line.endswith(b"\n")
        if first:
            line, first = line.removeprefix(BYTE_ORDER_MARK), False
        yield line.strip()
        while not complete and (rest := file.readline(LINE_BYTES)):
            complete = rest.endswith(b"\n")
