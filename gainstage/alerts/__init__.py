"""Alerts: what needs a person, announced once when it begins and once when it has ended."""
