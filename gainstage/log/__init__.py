"""The log: contract, an in-memory one for tests, a durable one for one machine."""
