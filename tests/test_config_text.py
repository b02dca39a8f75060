"""Properties of reading: a line for every key, and no exception but ConfigError, whatever the text."""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftd.config_lines import key_lines, line_of
from driftd.config_text import LINES_MAX, load_config
from driftd.errors import ConfigError

SHIPPED = (Path(__file__).parent.parent / "config.toml").read_text(encoding="utf-8")


def test_every_kind_of_key_has_its_line() -> None:
    text = '''# [no]
a = 1
b.c = 2          # d = 3
[t]
"q.u\\"o" = """
x = 1
"""
'l#t' = \'\'\'[x]
y = 2\'\'\'
list = [
  1, # ]
  [2,
   3], "]",
]
inline = { p = 1, q.r = [ { s = 2 } ] }
when = 1979-05-27 07:32:00
[[m]]
[m.sub]
k = 1
[[m]]
[[m.deep]]
[m.deep.sub]
k = 2
'''
    expected = {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("t",): 4,
        ("t", 'q.u"o'): 5,
        ("t", "l#t"): 8,
        ("t", "list"): 10,
        ("t", "list", 0): 11,
        ("t", "list", 1): 12,
        ("t", "list", 1, 0): 12,
        ("t", "list", 1, 1): 13,
        ("t", "list", 2): 13,
        ("t", "inline"): 15,
        ("t", "inline", "p"): 15,
        ("t", "inline", "q"): 15,
        ("t", "inline", "q", "r"): 15,
        ("t", "inline", "q", "r", 0): 15,
        ("t", "inline", "q", "r", 0, "s"): 15,
        ("t", "when"): 16,
        ("m",): 17,
        ("m", 0): 17,
        ("m", 0, "sub"): 18,
        ("m", 0, "sub", "k"): 19,
        ("m", 1): 20,
        ("m", 1, "deep"): 21,
        ("m", 1, "deep", 0): 21,
        ("m", 1, "deep", 0, "sub"): 22,
        ("m", 1, "deep", 0, "sub", "k"): 23,
    }
    assert tomllib.loads(text)
    assert key_lines(text) == expected


def test_a_key_that_is_not_there_has_the_line_of_the_table_around_it() -> None:
    lines = key_lines("[kafka]\n[http]\nport = 1\n")
    assert line_of(("http", "host"), lines) == 2
    assert line_of(("log", "level"), lines) is None


SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "true",
        "nan",
        '"# ] } ="',
        "'a]b'",
        '"""\n[x]\n"" # """',
        "'''\n]]'''",
        "1979-05-27 07:32:00Z",
        '"\\""',
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """TOML texts in which every key is written once and looks like nothing else: k0, k1, ..."""
    count = 0

    def key() -> str:
        nonlocal count
        count += 1
        return draw(st.sampled_from(["k{}_", '"k{}_"', "'k{}_'"])).format(count)

    def value(depth: int) -> str:
        kind = draw(st.sampled_from(["scalar", "list", "table"])) if depth else "scalar"
        if kind == "list":
            gap = draw(st.sampled_from(["", " ", "\n", " # ],\n  "]))
            entries = [value(depth - 1) for _ in range(draw(st.integers(0, 3)))]
            return f"[{gap}" + f",{gap}".join(entries) + f"{gap}]"
        if kind == "table":
            return "{ " + ", ".join(pair(depth - 1) for _ in range(draw(st.integers(0, 2)))) + " }"
        return draw(SCALARS)

    def pair(depth: int) -> str:
        keys = ".".join(key() for _ in range(draw(st.integers(1, 2))))
        return keys + draw(st.sampled_from(["=", " = "])) + value(depth)

    lines = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["pair", "pair", "blank", "comment", "[table]", "[[list]]"]))
        if kind == "pair":
            lines.append(pair(2))
        elif kind == "[table]":
            lines.append(f"[ {key()} . {key()} ]")
        elif kind == "[[list]]":
            name = key()
            lines += [f"[[{name}]] # first", pair(1), f"[[{name}]]", f"[{name}.{key()}]"]
        else:
            lines.append("" if kind == "blank" else "# [k0_] k0_ = 1")
    return "\n".join(lines)


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all keys and entries below `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, below in inner:
        yield (*path, part)
        yield from paths(below, (*path, part))


@settings(deadline=None)
@given(documents())
def test_every_key_of_any_document_has_the_line_it_is_written_in(text: str) -> None:
    written = text.split("\n")
    lines = key_lines(text)
    found = list(paths(tomllib.loads(text)))
    assert set(found) == set(lines)
    for path in found:
        if isinstance(path[-1], str):
            first = next(number for number, line in enumerate(written, start=1) if path[-1] in line)
            assert lines[path] == first


def read(text: str) -> None:
    """Load `text`; whatever is wrong with it comes as a ConfigError of a few single lines."""
    error = None
    try:
        load_config(text, "config.toml")
    except ConfigError as raised:
        error = raised
    if error is not None:
        assert 1 <= len(error.messages) <= LINES_MAX
        assert all(len(message.splitlines()) == 1 for message in error.messages)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
@example("\ufeff[kafka]")
@example("a" + ".a" * 5000 + " = 1")
@example("a = " + "{a=" * 400 + "1" + "}" * 400)
@example("a = " + "9" * 5000)
@example("[http]\nport = 1e400")
@example("[http]\nport = 1979-05-27")
@example("[[models]]\nname = 'a'\n[[models.detectors]]\nname = 'adwin'\ndelta = [[1]]\n")
@example("[[models]]\nname = 'a'\n[[models.detectors]]\nname = 1\nsignals = 2\n")
@example("[[defaults.detectors]]\nname = 'adwin'\ndelta = 0x" + "f" * 5000)
def test_any_text_is_read_or_refused_with_a_config_error(text: str) -> None:
    read(text)


@settings(deadline=None)
@given(st.integers(0, len(SHIPPED)), st.integers(0, 40), st.text("[]{}=.\"'#\n\\ab01", max_size=10))
def test_any_slip_of_the_finger_in_the_shipped_file_is_read_or_refused(at: int, cut: int, put: str) -> None:
    read(SHIPPED[:at] + put + SHIPPED[at + cut :])


@settings(deadline=None)
@given(documents())
def test_any_document_is_read_or_refused_with_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        load_config(text, "config.toml")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_counted_the_same_with_both_line_endings(ending: str) -> None:
    text = ending.join(["[kafka]", 'brokers = ["a:1",', '"b:2"]', "x = 1"])
    with pytest.raises(ConfigError, match=r"config\.toml:4: kafka\.x: "):
        load_config(text, "config.toml")
