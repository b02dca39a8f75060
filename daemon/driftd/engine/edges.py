"""Where a stream cuts the values of a signal into bins. Rule: fixed by the first events, so the same ever after."""

import numpy as np
from numpy.typing import NDArray

from driftd.engine.stream import Stream
from driftd.reference.layout import FINE


def coarse_edges_of(stream: Stream, name: str) -> NDArray[np.float64]:
    """The edges between the coarse bins of the number signal `name`, (n,), at most 15; none where there is no such."""
    cut = stream.profile if stream.builder is None else stream.builder.cut
    if cut is None:
        return np.zeros(0)
    index = next((i for i, signal in enumerate(cut.schema.signals) if signal.name == name), None)
    if index is None:
        return np.zeros(0)
    edges, table = cut.edges[index], cut.coarse_of_fine[index, : FINE.values]
    kept: NDArray[np.float64] = edges[np.isfinite(edges) & (np.diff(table) != 0)]
    return kept
