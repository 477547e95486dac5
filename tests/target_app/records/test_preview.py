"""The small copies of images: upright, marked, and silent about where they were taken."""

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from target_app.records.preview import SIDE_PX_MAX, Failure
from tests.attacks import Attacks

Picture = Callable[..., bytes]
FEW_BYTES = 200_000_000
"""Less than any of the bombs below would take."""
MARK = "CONFIDENTIAL  2027-03-01"
ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F


def preview(content: bytes, format_name: str) -> tuple[int, Image.Image | None]:
    """The exit status, and the copy if there is one."""
    done = subprocess.run(
        [sys.executable, "-m", "target_app.records.preview", format_name, MARK],
        input=content,
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    return done.returncode, None if done.returncode else Image.open(BytesIO(done.stdout), formats=["WEBP"])


def with_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "Camera of Ana"
    exif.get_ifd(GPS)[2] = (23.0, 33.0, 1.0)
    return exif


@pytest.mark.parametrize(
    ("size", "smaller"), [((2400, 1200), (SIDE_PX_MAX, 800)), ((900, 3200), (450, SIDE_PX_MAX)), ((30, 20), (30, 20))]
)
def test_no_side_is_longer_than_the_limit_and_nothing_grows(
    picture: Picture, size: tuple[int, int], smaller: tuple[int, int]
) -> None:
    _, copy = preview(picture("JPEG", size), "JPEG")
    assert copy is not None
    assert copy.size == smaller


def test_it_tells_nothing_about_where_and_with_what_the_picture_was_taken(picture: Picture) -> None:
    original = picture("JPEG", (400, 200), exif=with_exif(6), comment=b"Ana", icc_profile=b"x" * 200)
    assert b"Camera of Ana" in original
    _, copy = preview(original, "JPEG")
    assert copy is not None
    assert not copy.getexif()
    assert not {"exif", "icc_profile", "xmp", "comment"} & set(copy.info)
    assert copy.size == (200, 400), "and yet it is upright"


def test_the_mark_is_all_over_it() -> None:
    plain = BytesIO()
    Image.new("RGB", (800, 600), (90, 90, 90)).save(plain, "PNG")
    _, copy = preview(plain.getvalue(), "PNG")
    assert copy is not None
    for left, top in ((0, 0), (400, 0), (0, 300), (400, 300)):
        greys = copy.convert("L").crop((left, top, left + 400, top + 300)).tobytes()
        assert max(greys) - min(greys) > 30, "each quarter has light and dark of the letters"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_gets_one(picture: Picture, mode: str) -> None:
    image = Image.new("L", (64, 48), 128).convert(mode) if mode != "I;16" else None
    file = BytesIO()
    if image is not None:
        image.save(file, "PNG")
    status, copy = preview(file.getvalue() or picture("PNG", (64, 48), "I;16"), "PNG")
    assert status == 0
    assert copy is not None
    assert copy.size == (64, 48)


def test_the_greys_of_a_16_bit_x_ray_remain_greys() -> None:
    file = BytesIO()
    Image.new("I;16", (64, 48), 0x6000).save(file, "PNG")
    _, copy = preview(file.getvalue(), "PNG")
    assert copy is not None
    assert 60 < sorted(copy.convert("L").tobytes())[64 * 24] < 130


def test_a_cmyk_jpeg_gets_one(picture: Picture) -> None:
    assert preview(picture("JPEG", mode="CMYK"), "JPEG")[0] == 0


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, *chunks: bytes, packed: bytes = zlib.compress(b"\0\0"), colour: int = 0, bits: int = 8
) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    content = (*chunks, chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(content)


def jpeg(width: int, height: int) -> bytes:
    """A small one whose header says that it is larger."""
    file = BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    small = file.getvalue()
    start = small.index(b"\xff\xc0") + 5
    return small[:start] + struct.pack(">HH", height, width) + small[start + 4 :]


def packed_zeros(size_bytes: int = 300_000_000) -> bytes:
    """Never in memory as a whole, here either."""
    packer, block = zlib.compressobj(9), bytes(1_000_000)
    return b"".join(packer.compress(block) for _ in range(size_bytes // len(block))) + packer.flush()


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "900 million pixels": ("PNG", lambda: png(30_000, 30_000, packed=packed_zeros(113_000_000), bits=1)),
    "a header of 4 billion pixels": ("PNG", lambda: png(65_536, 65_536)),
    "a header beyond all numbers": ("PNG", lambda: png(2**31 - 1, 2**31 - 1)),
    "one row, very wide": ("PNG", lambda: png(2**31 - 1, 1)),
    "16 bits, four channels": ("PNG", lambda: png(9_000, 8_000, colour=6, bits=16)),
    "a JPEG's header of 4 billion pixels": ("JPEG", lambda: jpeg(65_500, 65_500)),
    "a WebP of 268 million pixels": ("WEBP", lambda: webp(16_383, 16_383)),
}
"""Each would take far more memory than it has bytes, if somebody looked at it without looking at its size first."""
HIDDEN: dict[str, Callable[[], bytes]] = {
    "a text": lambda: png(1, 1, chunk(b"zTXt", b"Comment\0\0" + packed_zeros())),
    "an international text": lambda: png(1, 1, chunk(b"iTXt", b"Comment\0\1\0\0\0" + packed_zeros())),
    "a colour profile": lambda: png(1, 1, chunk(b"iCCP", b"profile\0\0" + packed_zeros())),
    "rows that are not there": lambda: png(1, 1, packed=packed_zeros()),
}
"""Files of one pixel with 300 MB in something else."""


def webp(width: int, height: int) -> bytes:
    """A lossless one that ends after its header."""
    bits = (width - 1) | (height - 1) << 14
    content = b"\x2f" + struct.pack("<I", bits) + bytes(9)
    body = b"WEBPVP8L" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def peak_bytes(content: bytes, format_name: str) -> tuple[int, int]:
    """The exit status, and the most memory that the decoder had: as it says itself, since what a parent has before it
    starts a child counts for the child elsewhere."""
    program = """
import atexit, sys
from target_app.records import preview
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
preview.main()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, format_name, MARK],
        input=content,
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    (peak_kb,) = re.findall(rb"VmHWM:\s+(\d+) kB", done.stderr)
    return done.returncode, int(peak_kb) * 1024


@pytest.mark.parametrize("what", BOMBS)
def test_an_image_that_explodes_is_refused_before_it_is_decoded(what: str, attack: Attacks) -> None:
    format_name, bomb = BOMBS[what][0], BOMBS[what][1]()
    assert len(bomb) < 1_000_000
    status, peak = peak_bytes(bomb, format_name)
    attack("images that explode").tried(f"refused, {'few' if peak < FEW_BYTES else 'many'} bytes of memory")
    assert status in (Failure.TOO_MANY_PIXELS, Failure.UNREADABLE)
    assert peak < FEW_BYTES


@pytest.mark.parametrize("what", HIDDEN)
def test_what_explodes_beside_the_pixels_stays_packed(what: str, attack: Attacks) -> None:
    bomb = HIDDEN[what]()
    assert len(bomb) < 1_000_000
    status, peak = peak_bytes(bomb, "PNG")
    attack("images that explode").tried(f"harmless, {'few' if peak < FEW_BYTES else 'many'} bytes of memory")
    assert status in (0, Failure.UNREADABLE)
    assert peak < FEW_BYTES


def test_a_decoder_never_gets_more_memory_than_it_may_have() -> None:
    greedy = "from target_app.records import preview; preview.make = lambda *_: bytes(2 << 30) and None; preview.main()"
    done = subprocess.run(
        [sys.executable, "-c", greedy, "PNG", MARK],
        input=b"",
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1
    assert b"MemoryError" in done.stderr


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_half_an_image_is_unreadable(picture: Picture, format_name: str) -> None:
    whole = picture(format_name, (300, 200))
    assert preview(whole[: len(whole) // 2], format_name)[0] == Failure.UNREADABLE


def test_another_format_than_said_is_unreadable(picture: Picture) -> None:
    assert preview(picture("GIF"), "PNG")[0] == Failure.UNREADABLE
