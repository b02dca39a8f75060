"""docs/incidents.md shows the tables that the code decides by."""

import life_tables


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = life_tables.PAGE.read_text(encoding="utf-8")
    assert page == life_tables.rendered(page), "run: make diagrams"
    assert set(life_tables.FOUND.findall(page)) == set(life_tables.TEXTS)
