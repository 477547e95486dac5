"""Files that are there whole or not at all."""

from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Who reads meanwhile sees the old content or the new one, never a part. Text is UTF-8. Raises OSError."""
    fresh = path.with_name(f"{path.name}.part")
    try:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
