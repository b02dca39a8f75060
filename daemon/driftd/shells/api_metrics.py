"""What Prometheus reads of the API. Rule: as in `driftd.shells.metrics`, made of views when it is asked for."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftd.api.board import Board
from driftd.api.telling import open_now_document


class ApiCollector(Collector):
    """Makes metrics of the board and of the streams that are open."""

    def __init__(self, board: Board, streams: Callable[[], int]) -> None:
        self._board = board
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        """All metrics of the API."""
        board = self._board
        known = open_now_document(board.standing, board.stale_since_ms)
        yield _gauge("api_streams", "Clients that are told of changes.", self._streams())
        dropped = CounterMetricFamily("driftd_api_streams_dropped", "Clients dropped because they lagged.")
        dropped.add_metric([], float(board.streams_dropped))
        yield dropped
        current = known.complete and not known.stale
        yield _gauge("api_current", "1 where what is open is read to the end and brokers answer.", current)
        yield _gauge(
            "api_records_unreadable",
            "Records of topics.incidents that are none of driftd's.",
            known.unreadable,
        )
        yield _gauge("api_entries_not_held", "What is open and was too much to be held.", known.not_held)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"driftd_{name}", about, float(value))
