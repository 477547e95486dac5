"""A part of a document that a script writes, between two marks."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Section:
    """`title` is the heading that it gets in a document that has no such section yet, `script` who writes it."""

    title: str
    name: str
    script: str

    @property
    def begin(self) -> str:
        return f"<!-- {self.name}: written by scripts/{self.script} -->"

    @property
    def end(self) -> str:
        return f"<!-- end of {self.name} -->"

    def put(self, document: str, text: str) -> str:
        """The document with this text between the marks, which are put at its end when it has none."""
        if self.begin not in document:
            document = f"{document.rstrip()}\n\n## {self.title}\n\n{self.begin}\n{self.end}\n".lstrip()
        before, _, rest = document.partition(self.begin)
        after = rest.partition(self.end)[2]
        return f"{before}{self.begin}\n{text}\n{self.end}{after}"

    def write(self, docs: Path, text: str, heading: str) -> None:
        """Put the text into a file, which begins with `heading` when there is none."""
        docs.write_text(self.put(docs.read_text() if docs.exists() else f"# {heading}\n", text))
