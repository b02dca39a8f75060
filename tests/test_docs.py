"""What the documentation shows works: every code block is checked in its language, and every link has an end."""

import re
from pathlib import Path

import pytest

from architecture import ROOT, committed
from doc_blocks import Block, blocks, commands, complaints

PAGES = [str(path) for path in committed() if path.suffix == ".md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_blocks_of_a_page_are_right(page: str) -> None:
    found = [
        one for block in blocks(page, (ROOT / page).read_text(encoding="utf-8")) for one in complaints(block)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    text = re.sub(
        r"```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)[^)]*\)", text)
    missing = [link for link in links if not (ROOT / Path(page).parent / link).exists()]
    assert not missing, f"{page}: {missing}"


def test_pages_with_code_are_among_those_that_are_checked() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= set(PAGES)
    assert blocks("CONTRIBUTING.md", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("language", "text", "complaint"),
    [
        ("toml", "[kafka]\nbroker = []\n", "a.md:3: "),
        ("json", '{"a": 1,}\n', "{"),
        ("json", '{"a": 1}\n{"a": NaN\n', "NaN"),
        ("python", "def f(:\n", "syntax"),
        ("sh", "driftd replai x\n", "driftd replai x"),
        ("sh", "driftd replay x --fromat json\n", "--fromat"),
        ("console", "$ cat x | driftd check --strikt\n", "--strikt"),
        ("sh", "make tests\n", "make tests"),
        ("rust", "fn main() {}\n", "rust"),
        ("", "what is this?\n", "```text"),
    ],
)
def test_a_block_that_is_wrong_is_found(language: str, text: str, complaint: str) -> None:
    (block,) = blocks("a.md", f"# A\n\n```{language}\n{text}```\n")
    found = complaints(block)
    assert found
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("toml", "[kafka]\nbrokers = ['kafka:9092']\n"),
        ("json", '{"a": 1}\n{"a": 2}\n'),
        (
            "sh",
            "driftd replay x.jsonl --format json > y # comment\nDRIFTD_CONFIG=x driftd check && make test\n",
        ),
        ("console", "$ driftd version\ndriftd's output isn't a command\n$ make KILLS=3 kills\n"),
        ("text", "make nothing of it\n"),
    ],
)
def test_a_block_that_is_right_is_left_alone(language: str, text: str) -> None:
    assert complaints(Block("a.md", 1, language, text)) == []


def test_commands_are_found_between_pipes_assignments_and_files() -> None:
    line = "A=1 driftd import x -o - | make y; jq . > driftd && .venv/bin/driftd version 2> log"
    assert list(commands(line)) == [
        ["driftd", "import", "x", "-o", "-"],
        ["make", "y"],
        [".venv/bin/driftd", "version", "2"],
    ]
