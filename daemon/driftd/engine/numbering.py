"""Whose the numbers of a batch's events are. Rule: what was refused has come all the same, so it is not missing."""

from collections.abc import Iterable, Mapping

from driftd.decode.sequence import Numbered
from driftd.engine.monitor import Monitor


def take_numbers(numbered: Iterable[Numbered], monitors: Mapping[str, Monitor]) -> set[str]:
    """Let models know which events of their producers have come; the models that were told.

    Where it is not known whose a refused record was, all models hear of it that know its source.
    """
    told: set[str] = set()
    for _, model, source, number in numbered:
        if model is not None and model in monitors:
            names = [model]
        else:
            names = [name for name, one in monitors.items() if source in one.pulse.producers.known]
        for name in names:
            monitors[name].pulse.number(source, number)
        told.update(names)
    return told
