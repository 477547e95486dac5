"""Names that carry a hash of the content."""

import gzip

import pytest

from target_app.web.assets import Assets

A = b'import { b } from "./b.js";\nexport const a = b;\n'
B = b'import "./c.js";\nexport const b = 1;\n'
C = b"export {};\n"


def test_a_name_changes_with_the_content_and_only_then() -> None:
    first, same, other = (Assets({"style.css": body}) for body in (b"a {}", b"a {}", b"b {}"))

    assert first.path("style.css") == same.path("style.css")
    assert first.path("style.css") != other.path("style.css")


def test_a_module_changes_its_name_with_everything_that_it_imports() -> None:
    before = Assets({"a.js": A, "b.js": B, "c.js": C})
    after = Assets({"a.js": A, "b.js": B, "c.js": C + b"// changed\n"})

    assert before.path("a.js") != after.path("a.js")


def test_modules_import_each_other_by_their_hashed_names() -> None:
    assets = Assets({"a.js": A, "b.js": B, "c.js": C})

    body = assets.contents[assets.path("a.js").removeprefix("/static/")].body.decode()

    assert f'from ".{assets.path("b.js").removeprefix("/static")}"' in body
    assert assets.imports("a.js") == ["b.js", "c.js"]


def test_an_import_over_several_lines_is_one() -> None:
    assets = Assets({"a.js": b'import {\n  b,\n} from "./b.js";\n', "b.js": C})

    assert assets.imports("a.js") == ["b.js"]


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.js imports b\.js imports a\.js"):
        Assets({"a.js": b'import "./b.js";\n', "b.js": b'import "./a.js";\n'})


def test_what_is_sent_compressed_is_the_same() -> None:
    [sent] = Assets({"style.css": b"a {}\n" * 100}).contents.values()

    assert gzip.decompress(sent.gzipped) == sent.body
    assert len(sent.gzipped) < len(sent.body)
