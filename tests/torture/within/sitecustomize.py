"""Python runs this file first in every process of a tortured server: it only notes what the process is at.

`GAINSTAGE_MARKS` names the folder of the notes; without it nothing happens.
What the process does stays the same.
"""

import os

if "GAINSTAGE_MARKS" in os.environ:
    from tests.torture.marks import install

    install(os.environ["GAINSTAGE_MARKS"])
