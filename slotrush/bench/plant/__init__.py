"""A slowdown that a benchmark puts into a version of the booking system, without a change of its code."""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from slotrush.stack import app

VARIABLE: Final = "SLOTRUSH_PLANT"
"""Names the file in which `sitecustomize` finds the slowdown; it is on PYTHONPATH of the version's processes alone."""
FORMAT: Final = struct.Struct("<Q")


class Plant:
    """The slowdown of each booking, in ns of CPU; a change counts from the next booking on."""

    def __init__(self, shared: mmap.mmap, path: Path) -> None:
        self._shared = shared
        self._path = path

    @property
    def settings(self) -> dict[str, str]:
        """The environment of the processes that are slowed down."""
        return {VARIABLE: str(self._path)} | app.customised(Path(__file__).parent)

    def set(self, cpu_ns: int) -> None:
        FORMAT.pack_into(self._shared, 0, cpu_ns)


@contextmanager
def planted(path: Path) -> Iterator[Plant]:
    """A plant that slows nothing yet, in a file at `path`."""
    path.write_bytes(FORMAT.pack(0))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), FORMAT.size) as shared:
        yield Plant(shared, path)
