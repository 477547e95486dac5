"""Entity tags: so that who has an answer already is not sent it again (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
import re
from typing import Final

_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')


def of(body: bytes) -> bytes:
    """The tag of a body: a hash of its content, so that all replicas agree."""
    return b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()


def matches(if_none_match: bytes, tag: bytes) -> bool:
    """Whether the client has what `tag` names, by the weak comparison that If-None-Match asks for."""
    if if_none_match == tag:
        return True
    return if_none_match.strip() == b"*" or tag in _TAG.findall(if_none_match)
