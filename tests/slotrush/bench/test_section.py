"""Sections of documents that scripts write."""

from pathlib import Path

from slotrush.bench.section import Section

SECTION = Section("Overload", "overload", "bench-overload")


def test_the_section_is_replaced_and_the_rest_stays() -> None:
    document = f"# Reliability\n\nbefore\n\n{SECTION.begin}\nold\n{SECTION.end}\n\nafter\n"
    assert SECTION.put(document, "new") == document.replace("old", "new")


def test_a_document_without_it_gets_it_at_its_end() -> None:
    expected = f"# Reliability\n\n## Overload\n\n{SECTION.begin}\nnew\n{SECTION.end}\n"
    assert SECTION.put("# Reliability\n", "new") == expected


def test_a_file_that_is_not_there_begins_with_its_heading(tmp_path: Path) -> None:
    docs = tmp_path / "reliability.md"
    for text in ("first", "second"):
        SECTION.write(docs, text, "Reliability")
    assert docs.read_text() == SECTION.put("# Reliability\n", "second")
