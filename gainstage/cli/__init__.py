"""The command line: one module per command, each of which parses, calls and prints. No work is done here."""

from gainstage.cli.main import main

__all__ = ["main"]
