"""Delivery: from the log to the destinations. Router, lanes, budgets, exchanges, outcomes."""
