"""The vendors' APIs: one folder each, and `registry`, which lists them."""
