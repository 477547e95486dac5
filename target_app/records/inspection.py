"""Whether an upload is what was announced: size, checksum, type; and the preview of an image."""

import asyncio
import hashlib
import logging
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from target_app.records.content import TYPES, is_of
from target_app.records.objects import Objects
from target_app.records.preview import Failure
from target_app.records.schemas import Reason

log = logging.getLogger(__name__)
_FAILURES: Final[dict[int, Reason]] = {
    Failure.TOO_MANY_PIXELS: Reason.TOO_MANY_PIXELS,
    Failure.UNREADABLE: Reason.UNREADABLE,
}


@dataclass(frozen=True)
class Upload:
    """A row of claim.sql."""

    id: UUID
    content_type: str
    size_bytes: int
    sha256: bytes
    upload_key: str
    object_key: str
    preview_key: str
    attempts: int
    created_at: datetime


class Rejection(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


async def inspect(upload: Upload, objects: Objects) -> bool:
    """Check the upload, and keep it and its preview, if it gets one, which is the answer.

    Raises Rejection, or Problem 503 when the store does not answer. May be done again by anybody, with the same
    result.
    """
    content = await _content(upload, objects)
    image = TYPES[upload.content_type].image
    if image is not None:
        preview = await _preview(content, image, f"CONFIDENTIAL  {upload.created_at:%Y-%m-%d}")
        await objects.write(upload.preview_key, preview, "image/webp")
    await objects.write(upload.object_key, content, upload.content_type)
    return image is not None


async def _content(upload: Upload, objects: Objects) -> bytes:
    """All of it: it is small enough for memory, and so never on a disk here. Raises Rejection."""
    content = bytearray()
    try:
        async for chunk in objects.read(upload.upload_key):
            content += chunk
            if len(content) > upload.size_bytes:
                break
    except FileNotFoundError:
        raise Rejection(Reason.MISSING) from None
    if len(content) != upload.size_bytes:
        raise Rejection(Reason.WRONG_SIZE)
    if hashlib.sha256(content).digest() != upload.sha256:
        raise Rejection(Reason.WRONG_CHECKSUM)
    if not is_of(upload.content_type, content):
        raise Rejection(Reason.WRONG_TYPE)
    return bytes(content)


async def _preview(content: bytes, image: str, mark: str) -> bytes:
    """Raises Rejection."""
    program = [sys.executable, "-m", "target_app.records.preview", image, mark]
    process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE)
    try:
        preview, _ = await process.communicate(content)
    finally:
        if process.returncode is None:  # there was no time left
            process.kill()
            await process.wait()
    if process.returncode:
        log.warning("the decoder of an image ended with status %d", process.returncode)
        raise Rejection(_FAILURES.get(process.returncode, Reason.UNREADABLE))
    return preview
