"""From definitions to queries, as trees that are rendered for an engine. Runs nothing and reads nothing.

The relations that queries read, with timestamps in UTC without zone and JSON as text:

- `events(person, time, tie, name, properties)`: track, page and screen; `tie` orders events of one time;
- `matched(clause, person, time, tie, value)`: what `extraction` makes of `events`;
- `people(person)`, `accounts(account)`: whom computations are about; all whose events there are, unless an
  evaluation is `partial`; `links(person, account)`: a pair once;
- `traits(person, trait, value)`, `account_traits(account, trait, value)`: newest values, as JSON;
- `computed(computation, subject, value)`: current values of computations, a member's is `true`.

Importing this takes a moment, since sqlglot is behind it: a server that computes nothing must not.
"""

from gainstage.audiences.catalog import clauses
from gainstage.audiences.compiler.evaluation import evaluation
from gainstage.audiences.compiler.passing import crossings
from gainstage.audiences.compiler.rendering import Dialect, render
from gainstage.audiences.compiler.scanning import Source, condition, extraction, reading, value

__all__ = [
    "Dialect",
    "Source",
    "clauses",
    "condition",
    "crossings",
    "evaluation",
    "extraction",
    "reading",
    "render",
    "value",
]
