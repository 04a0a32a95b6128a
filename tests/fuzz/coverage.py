"""The fuzzer's own process: libFuzzer through atheris, guided by the branches that an input reaches.

    python -m tests.fuzz.coverage LIBFUZZER-ARGUMENT...

Bytes that start like gzip are mutated inside their compression too; mutated gzip alone is broken gzip.
"""

import sys
import zlib

import atheris

with atheris.instrument_imports(include=["gainstage.ingest", "gainstage.normalise", "json"]):
    from tests.fuzz.decoder import check

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31
INFLATED_BYTES = 1 << 17


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """The next input: of a packed body mostly what is inside changes; now and then a plain one is packed."""
    first, sent = data[:1], data[1:]
    if sent.startswith(GZIP_MAGIC) and seed % 4:
        try:
            inside = zlib.decompressobj(GZIP_WINDOW).decompress(sent, INFLATED_BYTES)
        except zlib.error:
            return atheris.Mutate(data, max_size)
        changed = packed(first + atheris.Mutate(inside, max_size))
        return changed if len(changed) <= max_size else atheris.Mutate(data, max_size)
    if first and seed % 64 == 1 and len(packed(data)) <= max_size:
        return packed(data)
    return atheris.Mutate(data, max_size)


def packed(data: bytes) -> bytes:
    """An input with what is sent compressed."""
    stream = zlib.compressobj(1, zlib.DEFLATED, GZIP_WINDOW)
    return data[:1] + stream.compress(data[1:]) + stream.flush()


def main() -> None:
    """Fuzz until libFuzzer ends; it ends the process itself."""
    atheris.Setup(sys.argv, check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
