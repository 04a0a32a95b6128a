"""Messages are read line by line from plain and compressed files; what cannot be read is told first."""

import gzip
from pathlib import Path

import pytest

from gainstage.cli.messages import LINE_BYTES, read_messages
from gainstage.errors import UsageError


def test_lines_come_in_order_without_blank_ones(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(b"\xef\xbb\xbf{1}\r\n\r\n\n {2} \n{3}")
    packed.write_bytes(gzip.compress(b"{4}\n{5}\n"))
    assert list(read_messages([str(plain), str(packed)])) == [b"{1}", b"{2}", b"{3}", b"{4}", b"{5}"]


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(gzip.compress(b"{1}\n"))
    assert list(read_messages([str(path)])) == [b"{1}"]


def test_empty_files_hold_no_message(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz"):
        (tmp_path / name).touch()
        assert list(read_messages([str(tmp_path / name)])) == []


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"x" * (3 * LINE_BYTES) + b"\n{2}\n"))
    first, second = read_messages([str(path)])
    assert len(first) == LINE_BYTES + 1
    assert second == b"{2}"


def test_unusable_files_are_told_before_the_first_line(tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(b"{1}\n")
    fake = tmp_path / "fake.gz"
    fake.write_bytes(b"plain")
    for name, told in (
        (tmp_path / "absent", "does not exist"),
        (tmp_path, "is a folder"),
        (fake, "no gzip file"),
    ):
        with pytest.raises(UsageError, match=told):
            read_messages([str(good), str(name)])


def test_a_damaged_file_says_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"{1}\n" * 50_000)[:-20])
    lines = read_messages([str(path)])
    assert next(lines) == b"{1}"
    with pytest.raises(UsageError, match="cannot be read beyond line"):
        list(lines)
