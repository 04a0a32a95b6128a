"""Figures over time: what a server has counted, minute by minute, and what a budget will come to.

What runs on in the store (counters, calls) is read once a minute and kept as it stands: the difference of two
readings is what happened in between. There are names of sources and destinations in it and numbers, and
nothing of any person. Decides nothing about delivery, and nothing waits for it.
"""
