"""YAML documents that know on which line each of their keys is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slotrush.errors import BadInputError
from slotrush.slo.model import Position

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """`lines` has the line of every key and list item, by its path from the top; the top itself is ()."""

    path: Path
    content: Any
    lines: dict[KeyPath, int]

    def at(self, *keys: str | int) -> Position:
        """Where a key is, or the nearest one above it that is there."""
        while keys not in self.lines:
            keys = keys[:-1]
        return Position(self.path, self.lines[keys])


def read(path: Path) -> list[Document]:
    """The documents of a file; empty ones are left out.

    Raises BadInputError, naming file and line, when it cannot be read, is no YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"objectives {path}", f"the file cannot be read ({error})", "Name a YAML file") from error
    loader = yaml.SafeLoader(text)
    try:
        return list(_documents(loader, path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadInputError(
            str(Position(path, line)), f"this is no YAML: {error.problem}", "Look at the indentation and quotes there"
        ) from error
    except yaml.YAMLError as error:
        raise BadInputError(f"objectives {path}", f"this is no YAML: {error}", "Save it as UTF-8 text") from error
    finally:
        loader.dispose()


def _documents(loader: yaml.SafeLoader, path: Path) -> Iterator[Document]:
    while loader.check_node():
        node = loader.get_node()
        if node is None:
            continue
        lines = {(): node.start_mark.line + 1, **dict(_lines(node, (), path, ()))}
        content = loader.construct_document(node)
        if content is not None:
            yield Document(path, content, lines)


def _lines(node: yaml.Node, above: KeyPath, path: Path, around: tuple[yaml.Node, ...]) -> Iterator[tuple[KeyPath, int]]:
    """Below `node`, which is in the nodes `around`. A key that is no text is left to whoever reads the content."""
    line = node.start_mark.line + 1
    if node in around:
        raise BadInputError(str(Position(path, line)), "this holds itself, by an alias", "Write it out")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                raise BadInputError(str(Position(path, line)), f"the key {key.value} is there twice", "Remove one")
            seen.add(key.value)
            yield (*above, key.value), line
            yield from _lines(value, (*above, key.value), path, (*around, node))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*above, number), item.start_mark.line + 1
            yield from _lines(item, (*above, number), path, (*around, node))
