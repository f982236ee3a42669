"""A client's counters for Prometheus and OpenTelemetry; either is imported only here, on use.

    import segmo.metrics
    prometheus_client.REGISTRY.register(segmo.metrics.PrometheusCollector(client))
    segmo.metrics.observe(client, opentelemetry.metrics.get_meter("shop"))

Counters are of this process, since the client was opened (in a forked child: since the fork).
"""
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Tuple

from .client import Client
from .types import DestinationStats


class Metric(NamedTuple):
    """One number per destination; `value` finds it."""

    name: str
    words: str
    is_counter: bool
    value: Callable[[DestinationStats], int]


METRICS: List[Metric] = [
    Metric("accepted", "Messages accepted for the destination", True, lambda s: s["accepted"]),
    Metric("adopted", "Messages taken over from processes that died", True, lambda s: s["adopted"]),
    Metric("delivered", "Messages the destination took", True, lambda s: s["delivered"]),
    Metric("dead", "Messages that became dead letters", True, lambda s: s["dead"]),
    Metric("skipped", "Messages left out on purpose", True, lambda s: s["skipped"]),
    Metric("requests", "Requests made", True, lambda s: s["requests"]),
    Metric("retries", "Requests made again", True, lambda s: s["retries"]),
    Metric("sent_bytes", "Bytes of request bodies, compressed", True, lambda s: s["bytes_sent"]),
    Metric("pending", "Messages that wait", False, lambda s: s["pending"]),
    Metric("pending_bytes", "Bytes of messages that wait", False, lambda s: s["pending_bytes"]),
    Metric("paused", "1 while wrong credentials or settings hold the destination up", False,
           lambda s: int(s["state"] == "paused")),
]


def values_of(client: Client, metric: Metric) -> Iterator[Tuple[str, int]]:
    """(destination, value) of one metric."""
    for destination, stats in client.stats()["destinations"].items():
        yield destination, metric.value(stats)


class PrometheusCollector:
    """A collector for prometheus_client: segmo_delivered_total{destination="segment"} and so on."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def collect(self) -> Iterator[Any]:
        """One family for each of METRICS. Raises ImportError without prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
        for metric in METRICS:
            kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
            family = kind(f"segmo_{metric.name}", metric.words, labels=["destination"])
            for destination, value in values_of(self._client, metric):
                family.add_metric([destination], value)
            yield family


def observe(client: Client, meter: Any) -> None:
    """Registers one observable instrument for each of METRICS with an OpenTelemetry meter: segmo.delivered and
    so on, with the attribute `destination`. Raises ImportError without opentelemetry-api."""
    from opentelemetry.metrics import Observation

    def reader(metric: Metric) -> Callable[[Any], Iterable[Any]]:
        return lambda _: [Observation(value, {"destination": destination})
                          for destination, value in values_of(client, metric)]

    for metric in METRICS:
        make = meter.create_observable_counter if metric.is_counter else meter.create_observable_gauge
        make(f"segmo.{metric.name}", callbacks=[reader(metric)], description=metric.words)
