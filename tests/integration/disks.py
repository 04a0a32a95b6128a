"""Disks of their own under the data folder of a world: small, or turning read-only. Mounting takes root."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.torture.marks import PYTHONPATH
from tests.world import World

MIB = 1024 * 1024


class Fault(NamedTuple):
    """A way to spoil a disk, and to mend it again."""

    spoil: Callable[[], None]
    mend: Callable[[], None]


@contextlib.contextmanager
def memory_disk(folder: Path, size: str) -> Iterator[bool]:
    """A new disk of that size in memory as this folder; False where that cannot be had."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not _done("mount", *options):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    """Give a mounted disk another option, such as `ro`."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write a file until the disk takes no more."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


@contextlib.contextmanager
def aborting_disk(world: World) -> Iterator[Fault]:
    """A disk that turns read-only under a running server, as ext4 does after an error; it is mended while no
    server runs. Where ext4 cannot be had, SQLite is told what such a disk would tell it.
    """
    image, folder = world.folder / "disk.img", str(world.data)
    world.data.mkdir()
    mount = ("mount", "-o", "loop", str(image), folder)

    def mend() -> None:
        subprocess.run(["umount", folder], check=True)
        subprocess.run(["e2fsck", "-p", str(image)], check=False, capture_output=True)
        subprocess.run(mount, check=True)

    with image.open("wb") as file:
        file.truncate(64 * MIB)
    if shutil.which("mkfs.ext4") is None or not (_done("mkfs.ext4", "-q", str(image)) and _done(*mount)):
        switch = world.folder / "switch"
        world.environment = {"GAINSTAGE_DISK": str(switch), "PYTHONPATH": PYTHONPATH}
        yield Fault(lambda: switch.write_text("read-only") and None, switch.unlink)
        return
    try:
        yield Fault(lambda: remount(world.data, "abort"), mend)
    finally:
        world.close()
        subprocess.run(["umount", "--lazy", folder], check=True)


def _done(*command: str) -> bool:
    """Whether a command that only root may give on Linux went well."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
