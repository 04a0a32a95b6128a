"""The local log against what can happen to a process and its disk."""

import random
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from gainstage.log.contract import Entry, LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.testing.log_suite import entry, whole

ROOT = Path(__file__).parents[2]
ROUNDS = 20


async def read_all(folder: Path) -> dict[tuple[int, int], str]:
    log = LocalLog(folder)
    try:
        return {
            (partition, stored.offset): stored.entry.body.split()[0].decode()
            for partition in range(log.partitions)
            for stored in await whole(log, partition, step=500)
        }
    finally:
        await log.close()


@pytest.mark.anyio
async def test_everything_acknowledged_survives_kill_nine(tmp_path: Path) -> None:
    acknowledged: dict[tuple[int, int], str] = {}
    moments = random.Random(5)
    for number in range(ROUNDS):
        command = [sys.executable, "-m", "tests.integration.log_appender", str(tmp_path), f"r{number}"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline()]
            time.sleep(moments.uniform(0.0, 0.1))
            child.kill()
            lines += child.stdout.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith("\n"):
                partition, offset, body = line.split()
                acknowledged[int(partition), int(offset)] = body
        kept = await read_all(tmp_path)
        assert {place: kept.get(place) for place in acknowledged} == acknowledged
    assert len(acknowledged) > 5 * ROUNDS


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["cut", "garbage", "half"])
async def test_a_torn_tail_costs_only_what_was_not_acknowledged(tmp_path: Path, damage: str) -> None:
    """A copy made while the log is open stands for what a power cut leaves behind."""
    log = LocalLog(tmp_path / "log")
    sizes = []
    for number in range(30):
        await log.append([entry(number, size_bytes=2000)])
        sizes.append((tmp_path / "log" / "log.db-wal").stat().st_size)
    whole_wal = (tmp_path / "log" / "log.db-wal").read_bytes()
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "log.db").write_bytes((tmp_path / "log" / "log.db").read_bytes())
    durable = 20
    tail = whole_wal[sizes[durable - 1] :]
    tail = {
        "cut": tail[:1000],
        "garbage": random.Random(1).randbytes(5000),
        "half": tail[:4096] + bytes(sizes[durable] - sizes[durable - 1] - 4096),
    }[damage]
    (torn / "log.db-wal").write_bytes(whole_wal[: sizes[durable - 1]] + tail)
    await log.close()
    again = LocalLog(torn)
    assert [s.entry.place for s in await whole(again, 0)] == list(range(durable))
    await again.append([entry(durable)])
    assert [s.entry.place for s in await whole(again, 0)] == list(range(durable + 1))
    await again.close()


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog
from gainstage.testing.log_suite import entry, whole

async def main():
    log = LocalLog(Path(sys.argv[1]))
    kept = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    refusals = 0
    for number in range(400):
        try:
            await log.append([entry(number, size_bytes=2000)])
            kept.append(number)
        except LogUnavailable as error:
            refusals += 1
            sentence = str(error)
    assert refusals and kept, (refusals, len(kept))
    assert sentence.endswith(".") and "\\n" not in sentence, sentence
    assert [s.entry.place for s in await whole(log, 0)] == kept
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await log.append([entry(1000)])
    assert [s.entry.place for s in await whole(log, 0)] == [*kept, 1000]
    await log.close()

asyncio.run(main())
"""

NO_DESCRIPTORS = """
import os, resource, sys
from pathlib import Path
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog

LocalLog(Path(sys.argv[1]))._finish()
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
kept = []
try:
    while True:
        kept.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    os.close(kept.pop())
    os.close(kept.pop())
try:
    LocalLog(Path(sys.argv[1]))
except LogUnavailable as error:
    print(error)
"""

NOT_WRITABLE = """
import os, sys, tempfile
from pathlib import Path
from gainstage.log.contract import LogUnavailable
from gainstage.log.local import LocalLog

if os.geteuid() == 0:
    os.setuid(65534)
with tempfile.TemporaryDirectory() as name:
    os.chmod(name, 0o500)
    try:
        LocalLog(Path(name))
    except LogUnavailable as error:
        print(error)
"""


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_is_one_sentence_and_the_log_works_again_when_there_is_room(tmp_path: Path) -> None:
    run(FULL_DISK, str(tmp_path))


def test_too_few_descriptors_are_one_sentence_that_says_so(tmp_path: Path) -> None:
    sentence = run(NO_DESCRIPTORS, str(tmp_path)).strip()
    assert "ulimit -n" in sentence
    assert sentence.count("\n") == 0


def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    sentence = run(NOT_WRITABLE).strip()
    assert "write access" in sentence
    assert sentence.count("\n") == 0


def test_a_file_where_the_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(LogUnavailable, match=r"log\.db"):
        LocalLog(tmp_path / "data")


def test_something_else_in_the_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(LogUnavailable, match=r"damaged"):
        LocalLog(tmp_path)


@pytest.mark.anyio
async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    log = LocalLog(tmp_path / "data")
    await log.append([Entry("site", "ann", 1, 0, b"", b"{}")])
    async with log.claim("delivery") as claim:
        assert claim.partitions
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    await log.close()
    assert {"log.db", "log.db-wal", "claim-delivery.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.anyio
async def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    holder = (
        "import asyncio, sys, pathlib\n"
        "from gainstage.log.local import LocalLog\n"
        "async def main():\n"
        "    async with LocalLog(pathlib.Path(sys.argv[1])).claim('delivery') as claim:\n"
        "        print(list(claim.partitions), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    log = LocalLog(tmp_path)
    command = [sys.executable, "-c", holder, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "[0]\n"
        async with log.claim("delivery") as claim:
            assert list(claim.partitions) == []
            child.kill()
            child.wait()
            assert list(claim.partitions) == [0]
    await log.close()


@pytest.mark.anyio
async def test_counting_reads_the_index_alone(tmp_path: Path) -> None:
    log = LocalLog(tmp_path)
    await log.append([entry()])
    connection = apsw.Connection(str(tmp_path / "log.db"))
    query = "EXPLAIN QUERY PLAN SELECT count(*) FROM partition_0 WHERE source = 'site' AND \"offset\" > 5"
    plan = " ".join(str(row[3]) for row in connection.execute(query))
    assert "SEARCH partition_0 USING COVERING INDEX partition_0_source" in plan
    assert "rowid>?" in plan
    connection.close()
    await log.close()
