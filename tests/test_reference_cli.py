"""`driftd reference`: a reference out of recordings, what it holds, and a daemon that starts from it."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from driftd.cli.app import main
from driftd.cli.reference_file import read_reference
from driftd.contract.cloudevents import rfc3339
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
    assert told["features.b"].split()[1:] == [
        "category",
        "0.0%",
        "400",
        "z",
        "49.8%,",
        "y",
        "33.5%,",
        "x",
        "16.8%",
    ]
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


def test_a_reference_of_another_schema_is_told_with_the_columns_that_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build("calm.jsonl", "--model", "m") == 0
    Path("config.toml").write_text(
        SMALL
        + '[[models]]\nname = "m"\n[models.reference]\nfile = "m.json"\n[models.features]\nignore = ["note"]\n'
    )
    features = {"b": "x", "c": 1.5, "weight_kg": 80.0, "note": "n"}
    with RecordingWriter(Path("other.jsonl")) as writer:
        writer.write([prediction(i, FIRST_MS + i * 1000, features=features) for i in range(100)])
    main(["replay", "other.jsonl"])
    told = capsys.readouterr().err
    assert "model m: the latest events have no values of features.a, the reference has" in told
    assert "features that the reference does not have, which are not watched: weight_kg\n" in told


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


def written(name: str, numbers: Sequence[float], first: int = 0, **more: object) -> str:
    """A recording in which feature a has these values, a second apart, the first at event number `first`."""
    with RecordingWriter(Path(name)) as writer:
        writer.write(
            [
                prediction(i, FIRST_MS + i * 1000, features={"a": number, "b": "x", **more})
                for i, number in enumerate(numbers, first)
            ]
        )
    return name


def noise(count: int, seed: int = 1, shift: float = 0.0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(shift, 1) for _ in range(count)]


def reference(out: str, *arguments: str) -> int:
    return main(["reference", "build", *arguments, "--model", "m", "-o", out])


def test_a_window_of_the_past_is_counted_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    written("r.jsonl", noise(1_000))
    begin, end = (rfc3339(FIRST_MS + event * 1000) for event in (200, 900))
    assert reference("m.json", "r.jsonl", "--from", begin, "--to", end) == 0
    assert "700 events" in capsys.readouterr().err
    profile = read_reference(Path("m.json"))
    assert (profile.first_ms, profile.last_ms) == (FIRST_MS + 200_000, FIRST_MS + 899_000)


def test_two_references_of_one_cut_merge_to_the_counts_of_the_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = noise(2_000)
    written("one.jsonl", numbers[:1_000])
    written("two.jsonl", numbers[1_000:], 1_000)
    written("all.jsonl", numbers)
    assert reference("a.json", "one.jsonl") == 0
    assert reference("b.json", "two.jsonl", "--like", "a.json") == 0
    assert reference("whole.json", "all.jsonl", "--like", "a.json") == 0
    assert main(["reference", "merge", "a.json", "b.json", "-o", "ab.json"]) == 0
    assert "ab.json: reference of m, 2,000 events of 2 references" in capsys.readouterr().err
    merged, whole = read_reference(Path("ab.json")), read_reference(Path("whole.json"))
    assert np.array_equal(merged.counts, whole.counts)
    assert np.array_equal(merged.sums, whole.sums)
    assert np.array_equal(merged.history.counts.sum(axis=0), whole.history.counts.sum(axis=0))
    assert merged.null is not None
    assert main(["reference", "merge", "b.json", "a.json", "-o", "ba.json"]) == 0
    assert read_reference(Path("ba.json")).history.at_ms.tolist() == merged.history.at_ms.tolist()


def test_references_of_other_bins_or_columns_do_not_merge_and_it_is_said_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    written("one.jsonl", noise(500))
    written("two.jsonl", noise(500, 2))
    written("more.jsonl", noise(500), c=1.5)
    for name in ("one", "two", "more"):
        assert reference(f"{name}.json", f"{name}.jsonl") == 0
    capsys.readouterr()
    assert main(["reference", "merge", "one.json", "two.json", "-o", "x.json"]) == 2
    assert (
        "two.json cannot be merged with one.json: their bins have different edges" in capsys.readouterr().err
    )
    assert main(["reference", "merge", "one.json", "more.json", "-o", "x.json"]) == 2
    assert "new: features.c" in capsys.readouterr().err
    assert reference("x.json", "more.jsonl", "--like", "one.json") == 2
    assert "the recordings are not like the reference: new: features.c" in capsys.readouterr().err
    assert not Path("x.json").exists()


def test_what_differs_is_ranked_and_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    written("one.jsonl", noise(1_000))
    written("two.jsonl", noise(1_000, 2, shift=2.0))
    assert reference("a.json", "one.jsonl") == 0
    assert reference("b.json", "two.jsonl", "--like", "a.json") == 0
    capsys.readouterr()
    assert main(["reference", "diff", "a.json", "b.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["signals  the same", "bins     the same, so they can be merged"]
    first = next(line for line in lines if line.startswith("features.a"))
    assert lines.index(first) == 4
    assert "shifted up: mean" in first
    assert "as before" in next(line for line in lines if line.startswith("features.b"))
    assert main(["reference", "diff", "a.json", "b.json", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["signals"][0]["signal"] == "features.a"
    assert document["signals"][0]["psi"] > 1


def test_a_level_shift_inside_of_a_reference_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    written("r.jsonl", noise(2_000) + noise(2_000, 2, shift=2.0))
    assert reference("m.json", "r.jsonl") == 0
    told = capsys.readouterr().err
    assert "the reference is not stable: features.a changed at 2023-11-14 22:46 UTC" in told
    assert main(["reference", "show", "m.json"]) == 0
    shown = capsys.readouterr().out
    assert "the reference is not stable: features.a changed at 2023-11-14 22:46 UTC" in shown
    assert "cannot judge the values of features.a: " in shown


@pytest.mark.parametrize("value", [7.0, None, "two"], ids=["constant", "all missing", "two values"])
def test_odd_columns_make_a_reference_that_is_shown(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    values = [float(i % 2) if value == "two" else value for i in range(400)]
    written("r.jsonl", values)  # type: ignore[arg-type]
    assert reference("m.json", "r.jsonl") == 0
    assert main(["reference", "show", "m.json"]) == 0
    assert "features.a" in capsys.readouterr().out


def test_one_event_makes_no_reference_and_a_time_that_is_none_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    written("r.jsonl", noise(1))
    assert reference("m.json", "r.jsonl") == 2
    assert "only 1 events of m; at least 20 are needed" in capsys.readouterr().err
    assert reference("m.json", "r.jsonl", "--from", "noon") == 2
    assert '--from "noon" is no time' in capsys.readouterr().err
