import pytest

from target_app.agenda import etag

TAG = etag.of(b"an agenda")


def test_a_tag_names_one_content() -> None:
    assert etag.of(b"an agenda") == TAG
    assert etag.of(b"another agenda") != TAG


@pytest.mark.parametrize(
    "header", [TAG, b"W/" + TAG, b'"old", ' + TAG, b'W/"a,b",W/' + TAG + b', "c"', b"*", b" * ", b" " + TAG]
)
def test_what_names_the_tag_matches(header: bytes) -> None:
    assert etag.matches(header, TAG)


@pytest.mark.parametrize("header", [b"", b'"old"', b'W/"old", "older"', TAG.strip(b'"'), b'"*"', TAG[:-1], b"nonsense"])
def test_what_does_not_name_the_tag_does_not_match(header: bytes) -> None:
    assert not etag.matches(header, TAG)
