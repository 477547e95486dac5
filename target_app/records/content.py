"""What may be uploaded, and how to see that a file is what its type says."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Type:
    """`marks`: bytes that every such file has, each at an offset. `image`: Pillow's name of what gets a preview."""

    suffix: str
    marks: tuple[tuple[int, bytes], ...]
    image: str | None = None


TYPES: Final = {
    "application/pdf": Type("pdf", ((0, b"%PDF-"),)),
    "image/jpeg": Type("jpg", ((0, b"\xff\xd8\xff"),), "JPEG"),
    "image/png": Type("png", ((0, b"\x89PNG\r\n\x1a\n"),), "PNG"),
    "image/webp": Type("webp", ((0, b"RIFF"), (8, b"WEBP")), "WEBP"),
    "application/dicom": Type("dcm", ((128, b"DICM"),)),
}


def is_of(content_type: str, content: bytes | bytearray) -> bool:
    """Whether the content can be of that type."""
    return all(content.startswith(mark, offset) for offset, mark in TYPES[content_type].marks)


def file_name(name: str, content_type: str) -> str:
    """A name to save the file under that is harmless on every system, with the suffix of its type."""
    stem = "".join(letter if letter.isalnum() or letter in " -_()" else "_" for letter in name)
    suffix = TYPES[content_type].suffix
    return f"{stem.removesuffix(f'_{suffix}').strip()[:100] or 'file'}.{suffix}"
