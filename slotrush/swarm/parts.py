"""Where a worker keeps its part of the record, and how the part comes to the master when they share no disk."""

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from slotrush.errors import StackError

CHUNK_BYTES: Final = 1 << 20
MARK: Final = ".master"
"""A file with this name and the swarm's own content says to a worker that it sees the master's disk."""


def place(folder: Path | None, mark: str, name: str) -> tuple[Path | None, bool]:
    """The worker's part file, and whether it must be sent: no file without a folder.

    `folder` is the master's for all parts, `mark` the content of the file `MARK` in it.
    """
    if folder is None:
        return None, False
    with suppress(OSError):
        if (folder / MARK).read_text() == mark:
            return folder / f"{name}.sqlite", False
    return Path(tempfile.mkdtemp(prefix="slotrush-")) / f"{name}.sqlite", True


def chunks(part: Path) -> Iterator[dict[str, Any]]:
    """The part as messages, in their order."""
    packer = zlib.compressobj(level=1)
    with part.open("rb") as content:
        while block := content.read(CHUNK_BYTES):
            if packed := packer.compress(block):
                yield {"name": part.name, "packed": packed, "last": False}
    yield {"name": part.name, "packed": packer.flush(), "last": True}


class Inbox:
    """The master's end: parts that come in messages are put together in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unpackers: dict[str, Any] = {}

    def receive(self, message: dict[str, Any]) -> None:
        """Add a chunk; the part is there once its last chunk is. Raises StackError for a foreign name."""
        name = str(message["name"])
        if Path(name).name != name or not name.endswith(".sqlite"):
            raise StackError(f"a worker sent a part of the name {name!r}")
        unpacker = self._unpackers.setdefault(name, zlib.decompressobj())
        coming = self._folder / f"{name}.coming"
        with coming.open("ab") as file:
            file.write(unpacker.decompress(message["packed"]))
            if message["last"]:
                file.write(unpacker.flush())
        if message["last"]:
            coming.replace(self._folder / name)
            del self._unpackers[name]
