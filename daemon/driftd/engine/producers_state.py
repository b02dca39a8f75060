"""What producers sent, as a part of a pulse's entry and back."""

from collections.abc import Mapping
from typing import Any

from driftd.engine.codec import place_from_json, place_to_json
from driftd.engine.gaps import gaps_from_json, gaps_to_json
from driftd.engine.number_run import Run
from driftd.engine.producers import Producer, Producers

RUN = ("first", "next", "mark", "floor", "came", "settling", "learned", "breaks")
NUMBERS = ("seen_ms", "missing", "lowest", "highest", "found_ms")


def producers_to_json(producers: Producers) -> dict[str, object]:
    """All that is needed to go on exactly like `producers`."""
    return {
        "known": {name: _producer_to_json(one) for name, one in producers.known.items()},
        "counters": dict(sorted(producers.counters.items())),
        "places": [place_to_json(place) for place in producers.places],
    }


def producers_from_json(document: Mapping[str, Any]) -> Producers:
    """The producers of `producers_to_json`."""
    producers = Producers()
    producers.known = {name: _producer_from_json(one) for name, one in document["known"].items()}
    producers.counters = dict(document["counters"])
    producers.places = [place_from_json(place) for place in document["places"]]
    producers.gaps = sum(len(run.gaps) for one in producers.known.values() for run in one.runs)
    return producers


def _producer_to_json(one: Producer) -> dict[str, object]:
    return {
        "runs": [[gaps_to_json(run.gaps), *(getattr(run, name) for name in RUN)] for run in one.runs],
        "counts": dict(sorted(one.counts.items())),
        "told": gaps_to_json(one.told),
        "since": None if one.since is None else place_to_json(one.since),
    } | {name: getattr(one, name) for name in NUMBERS}


def _producer_from_json(document: Mapping[str, Any]) -> Producer:
    since = document["since"]
    return Producer(
        [
            Run(gaps=gaps_from_json(gaps), **dict(zip(RUN, run, strict=True)))
            for gaps, *run in document["runs"]
        ],
        dict(document["counts"]),
        told=gaps_from_json(document["told"]),
        since=None if since is None else place_from_json(since),
        **{name: document[name] for name in NUMBERS},
    )
