"""Python runs this file first in every process of a tortured server.

`GAINSTAGE_MARKS` names the folder of notes on what the process is at, `GAINSTAGE_DISK` the switch of a disk
that may refuse to write, `GAINSTAGE_CLOCK` a clock that somebody sets. Without them nothing happens; what the
process does stays the same.
"""

import os

if "GAINSTAGE_DISK" in os.environ:
    from tests.torture.faults import install as put_on_faulty_disk

    put_on_faulty_disk(os.environ["GAINSTAGE_DISK"])

if "GAINSTAGE_CLOCK" in os.environ:
    from tests.torture.clock import install as follow_clock

    follow_clock(os.environ["GAINSTAGE_CLOCK"])

if "GAINSTAGE_MARKS" in os.environ:
    from tests.torture.marks import install

    install(os.environ["GAINSTAGE_MARKS"])
