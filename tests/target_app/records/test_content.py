"""What a file is, and what it may be called."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_app.records.content import TYPES, file_name, is_of


def test_each_type_is_recognised_as_itself_alone(picture: Callable[..., bytes], pdf: bytes) -> None:
    samples = {
        "application/pdf": pdf,
        "image/jpeg": picture("JPEG"),
        "image/png": picture("PNG"),
        "image/webp": picture("WEBP"),
        "application/dicom": bytes(128) + b"DICM" + b"\x02\x00",
    }
    assert set(samples) == set(TYPES)
    for content_type, content in samples.items():
        assert [known for known in TYPES if is_of(known, content)] == [content_type]


@pytest.mark.parametrize("content", [b"", b"<html>", b"RIFF\x00\x00\x00\x00AVI "])
def test_what_is_no_type_is_none(content: bytes) -> None:
    assert not [known for known in TYPES if is_of(known, content)]


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("Exame de março", "Exame de março.pdf"),
        ("chest.pdf", "chest.pdf"),
        ("../../etc/passwd", "______etc_passwd.pdf"),
        ('a"b\r\nSet-Cookie: x', "a_b__Set-Cookie_ x.pdf"),
        ("   ", "file.pdf"),
        ("x" * 300, "x" * 100 + ".pdf"),
    ],
)
def test_a_file_is_saved_under_a_harmless_name(name: str, saved_as: str) -> None:
    assert file_name(name, "application/pdf") == saved_as


@given(st.text(max_size=200), st.sampled_from(sorted(TYPES)))
def test_no_name_breaks_out_of_a_header_or_a_folder(name: str, content_type: str) -> None:
    saved_as = file_name(name, content_type)
    assert not set('/\\"\r\n\0;:') & set(saved_as)
    assert not saved_as.startswith(".")
    assert len(saved_as) <= 105
