"""Which partition a key belongs to: the same answer on every machine and in every version."""

import zlib


def partition_of(key: str, partitions: int) -> int:
    """The partition of `key` among `partitions`."""
    if partitions == 1:
        return 0
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % partitions
