"""Which files other processes have open, by Linux' /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def opened_files(below: Path) -> frozenset[str]:
    """The files below a folder that other processes have open, as far as we may look into these."""
    inside = f"{below.resolve()}{os.sep}"
    return frozenset(file for file in _opened_files() if file.startswith(inside))


def _opened_files() -> Iterator[str]:
    own = os.getpid()
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == own:
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:  # it has ended, or is not ours to look into
            continue
        for descriptor in descriptors:
            with suppress(OSError):
                yield str(descriptor.readlink())
