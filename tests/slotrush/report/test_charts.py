from slotrush.report import charts

SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg height="198pt" viewBox="0 0 432 198" width="432pt">'
    "<metadata>who</metadata>"
    '<defs><clipPath id="p1"/></defs><g id="a" clip-path="url(#p1)"><use xlink:href="#g1"/></g></svg>'
)


def test_an_inlined_chart_has_ids_of_its_own() -> None:
    inlined = charts.inline(SVG, "chart-x", "Title", "Text")

    assert '<clipPath id="chart-x-p1"/>' in inlined
    assert 'id="chart-x-a" clip-path="url(#chart-x-p1)"' in inlined
    assert 'xlink:href="#chart-x-g1"' in inlined


def test_an_inlined_chart_fills_its_place_and_is_described() -> None:
    inlined = charts.inline(SVG, "chart-x", "A < B", "Text")

    assert inlined.startswith('<svg viewBox="0 0 432 198"')
    assert "432pt" not in inlined
    assert "metadata" not in inlined
    assert '<title id="chart-x-title">A &lt; B</title><desc id="chart-x-desc">Text</desc>' in inlined
    assert 'aria-labelledby="chart-x-title chart-x-desc"' in inlined


def test_components_come_in_the_order_in_which_a_request_meets_them() -> None:
    assert charts.in_order({"zebra": 1, "app": 1, "aardvark": 1, "generator": 1}) == [
        "generator",
        "app",
        "aardvark",
        "zebra",
    ]
