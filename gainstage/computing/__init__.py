"""Audiences and computed traits at work: from archived events to memberships, and from these to calls.

Knows the definitions (`gainstage.audiences`) and the archive (`gainstage.history`). What it says goes to the
log like any event, from a source of its own.
"""
