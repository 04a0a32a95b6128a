"""What is configured: documents from a file or the dashboard, checked and turned into a `Configuration`.

A *document* is one source or one destination as written, `${NAME}` references unexpanded: that is what is
kept. `resolve` expands and checks documents; every problem is found at once and no message holds a secret.
"""

from gainstage.configuration.changes import Change, changes_between
from gainstage.configuration.document import Document, Owner
from gainstage.configuration.export import export, parts
from gainstage.configuration.inputs import inputs_of
from gainstage.configuration.reader import Outline, Problem, outline, outline_in, outline_of, read
from gainstage.configuration.resolve import Resolved, load, resolve, settle
from gainstage.configuration.sealing import Seal
from gainstage.configuration.secrets import HIDDEN, hidden, revealed
from gainstage.configuration.yaml_text import dump

__all__ = [
    "HIDDEN",
    "Change",
    "Document",
    "Outline",
    "Owner",
    "Problem",
    "Resolved",
    "Seal",
    "changes_between",
    "dump",
    "export",
    "hidden",
    "inputs_of",
    "load",
    "outline",
    "outline_in",
    "outline_of",
    "parts",
    "read",
    "resolve",
    "revealed",
    "settle",
]
