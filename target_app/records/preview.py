"""A smaller, marked copy of an image, without what cameras add: `python -m target_app.records.preview FORMAT MARK`.

A process of its own for each image, because a decoder that meets a hostile file may want all memory, or never end.
It reads the image from its standard input and writes the copy to its standard output, so that nothing of a patient is
ever on a disk. Its exit status is a Failure, or 0.
"""

import resource
import sys
from enum import IntEnum
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

SIDE_PX_MAX: Final = 1_600
PIXELS_MAX: Final = 64_000_000
"""Of the original; a phone's largest pictures and a digital X-ray have fewer."""
MEMORY_BYTES_MAX: Final = 1 << 30
CPU_S_MAX: Final = 60
_QUALITY: Final = 80
_OPACITY: Final = 90


class Failure(IntEnum):
    """Other than the statuses that Python itself ends with."""

    TOO_MANY_PIXELS = 10
    UNREADABLE = 11


def smaller(image: Image.Image) -> Image.Image:
    """Upright, in grey or colours, no side longer than SIDE_PX_MAX."""
    size = (SIDE_PX_MAX, SIDE_PX_MAX)
    image.draft("RGB", size)  # a JPEG is decoded at a fraction of its size right away
    if image.mode.startswith("I"):  # 16 bits a pixel, as X-rays have
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image.thumbnail(size, reducing_gap=2.0)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "RGBA", "La", "RGBa"):
        image = image.convert("RGBA")
        on_white = Image.new("RGBA", image.size, "white")
        on_white.alpha_composite(image)
        image = on_white
    return image.convert("RGB")


def marked(image: Image.Image, mark: str) -> Image.Image:
    """With `mark` all over it, aslant, in white with a dark edge, so that it shows on everything."""
    font_px = max(12, max(image.size) // 32)
    font = ImageFont.load_default(font_px)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(mark))
    tile = Image.new("RGBA", (right - left + 4 * font_px, bottom - top + 4 * font_px))
    ImageDraw.Draw(tile).text(
        (2 * font_px - left, 2 * font_px - top),
        mark,
        font=font,
        fill=(255, 255, 255, _OPACITY),
        stroke_width=max(1, font_px // 16),
        stroke_fill=(0, 0, 0, _OPACITY),
    )
    tile = tile.rotate(30, expand=True)
    layer = Image.new("RGBA", image.size)
    for y in range(0, image.height, tile.height):
        for x in range(0, image.width, tile.width):
            layer.paste(tile, (x, y))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def make(original: BinaryIO, copy: BinaryIO, format_name: str, mark: str) -> Failure | None:
    try:
        with Image.open(original, formats=[format_name]) as image:
            if image.width * image.height > PIXELS_MAX:
                return Failure.TOO_MANY_PIXELS
            # Pixels alone, and nothing of what the file says about them.
            marked(smaller(image), mark).save(copy, "WEBP", quality=_QUALITY)
    except Image.DecompressionBombError:
        return Failure.TOO_MANY_PIXELS
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, OverflowError):
        return Failure.UNREADABLE
    return None


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    format_name, mark = sys.argv[1:]
    sys.exit(make(BytesIO(sys.stdin.buffer.read()), sys.stdout.buffer, format_name, mark) or 0)


if __name__ == "__main__":
    main()
