"""Static files under names that carry a hash of their content, so that they may be cached for ever."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_IMPORT: Final = re.compile(r'^(import [^"]*)"\./(?P<name>[^"]+)";$', re.MULTILINE)


class Content(NamedTuple):
    """What is sent: as it is, or to those who accept it, compressed."""

    body: bytes
    gzipped: bytes
    media_type: str
    digest: str


class Assets:
    """`files`: content by plain name, such as "style.css". Modules import each other by "./name.js"; what they import
    has its hash in its name too, so a module's hash changes with everything below it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._names: dict[str, str] = {}
        self.contents: dict[str, Content] = {}
        """By hashed name."""
        for name in files:
            self._add(name, ())

    def path(self, name: str) -> str:
        """Where the browser finds the file. Raises KeyError for an unknown one."""
        return f"/static/{self._names[name]}"

    def imports(self, name: str) -> list[str]:
        """The modules that a module needs, all the way down, in order of need, without itself."""
        found: dict[str, None] = {}
        for match in _IMPORT.finditer(self._files[name].decode()):
            found |= dict.fromkeys([match["name"], *self.imports(match["name"])])
        return list(found)

    def _add(self, name: str, importers: tuple[str, ...]) -> str:
        """The hashed name. Raises ValueError for modules that import each other in a circle."""
        if name in importers:
            raise ValueError(f"{' imports '.join((*importers, name))}: break the circle")
        if name not in self._names:
            body = self._files[name]
            stem, _, extension = name.rpartition(".")
            if extension == "js":
                body = _IMPORT.sub(
                    lambda match: f'{match[1]}"./{self._add(match["name"], (*importers, name))}";', body.decode()
                ).encode()
            made = content(body, _MEDIA_TYPES[extension])
            self._names[name] = f"{stem}.{made.digest}.{extension}"
            self.contents[self._names[name]] = made
        return self._names[name]


def content(body: bytes, media_type: str) -> Content:
    return Content(body, gzip.compress(body, mtime=0), media_type, hashlib.sha256(body).hexdigest()[:16])
