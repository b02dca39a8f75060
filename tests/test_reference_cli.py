"""`driftd reference`: a reference out of recordings, what it holds, and a daemon that starts from it."""

import json
from pathlib import Path

import pytest

from driftd.cli.app import main
from driftd.shells.recording import RecordingWriter
from streams import FIRST_MS, SMALL, prediction

LEVELS = "xyyzzz"


@pytest.fixture(autouse=True)
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording of 400 plain predictions in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTD_CONFIG", raising=False)
    Path("config.toml").write_text(SMALL)
    with RecordingWriter(Path("calm.jsonl")) as writer:
        writer.write(
            [
                prediction(
                    offset,
                    FIRST_MS + offset * 1000,
                    features={
                        "a": float(offset % 10),
                        "b": LEVELS[offset % 6],
                        "c": None if offset % 4 == 0 else 1.5,
                    },
                )
                for offset in range(400)
            ]
        )
    return "calm.jsonl"


def build(*arguments: str) -> int:
    return main(["reference", "build", *arguments, "-o", "m.json"])


def test_what_is_built_is_shown_with_figures_of_each_signal(capsys: pytest.CaptureFixture[str]) -> None:
    assert build("calm.jsonl", "--model", "m") == 0
    assert capsys.readouterr().err == "m.json: reference of m, 400 events, 5 signals\n"
    assert main(["reference", "show", "m.json"]) == 0
    told = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "mean 4.5" in told["features.a"]
    assert told["features.b"].split()[1:] == ["category", "0.0%", "z", "49.8%,", "y", "33.5%,", "x", "16.8%"]
    assert told["features.c"].split()[1:3] == ["number", "25.0%"]
    assert told["model"] == "model m, any version, 400 events"


def test_events_bounds_how_many_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert build("calm.jsonl", "--model", "m", "--events", "200") == 0
    assert "200 events" in capsys.readouterr().err


def test_the_same_recordings_make_the_same_bytes_and_json_names_their_hash(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build("calm.jsonl", "--model", "m") == 0
    first = Path("m.json").read_bytes()
    assert build("calm.jsonl", "--model", "m", "--force") == 0
    assert Path("m.json").read_bytes() == first
    capsys.readouterr()
    assert main(["reference", "show", "m.json", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["hash"]) == 64


def test_a_model_with_a_reference_file_is_watched_from_its_first_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build("calm.jsonl", "--model", "m") == 0
    Path("config.toml").write_text(SMALL + '[[models]]\nname = "m"\n[models.reference]\nfile = "m.json"\n')
    with RecordingWriter(Path("drifted.jsonl")) as writer:
        writer.write(
            [
                prediction(offset, FIRST_MS + offset * 1000, features={"a": 90.0, "b": "x", "c": 1.5})
                for offset in range(100)
            ]
        )
    assert main(["replay", "drifted.jsonl", "--fail-on", "alert"]) == 1
    assert "features.a" in capsys.readouterr().out


WRONG = {
    "an unknown model": (
        ("calm.jsonl", "--model", "n"),
        "there is no event of model 'n' in these recordings; models in them: m",
    ),
    "too few events asked for": (
        ("calm.jsonl", "--model", "m", "--events", "10"),
        "--events should be more than the 20 that reference.learn_events takes",
    ),
    "no such file": (("none.jsonl", "--model", "m"), "none.jsonl: cannot be read"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_built_exits_with_2_and_writes_nothing(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("m.json").exists()


def test_a_reference_that_exists_is_kept_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.json").write_text("precious")
    assert build("calm.jsonl", "--model", "m") == 2
    assert (
        capsys.readouterr().err == "driftd: m.json exists. Take another name, or --force to overwrite it.\n"
    )
    assert Path("m.json").read_text() == "precious"


@pytest.mark.parametrize("content", ["", "{}", '{"model": 7}', "\x00"])
def test_a_file_that_is_no_reference_is_named(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.json").write_text(content)
    assert main(["reference", "show", "m.json"]) in (2, 78)
    assert capsys.readouterr().err.startswith(("driftd: m.json", "m.json"))
