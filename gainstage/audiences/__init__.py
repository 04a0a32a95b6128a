"""Audiences and computed traits: what they are, what they refer to, and the queries that compute them.

Definitions are plain data. The compiler (`gainstage.audiences.compiler`) is imported by whoever computes, and
by nobody else: the library behind it takes a moment to load.
"""
