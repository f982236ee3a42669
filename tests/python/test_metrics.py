"""Counters reach Prometheus and OpenTelemetry, where these are installed."""
import pytest

from segmo import metrics


@pytest.fixture
def worked(client):
    """A client that delivered two messages."""
    client.track("u-1", "Lamp Lit")
    client.track("u-2", "Lamp Lit")
    assert client.flush(20)
    return client


def test_prometheus(worked):
    prometheus = pytest.importorskip("prometheus_client", reason="not run: prometheus_client is not installed")
    registry = prometheus.CollectorRegistry()
    registry.register(metrics.PrometheusCollector(worked))
    labels = {"destination": "segment"}
    assert registry.get_sample_value("segmo_delivered_total", labels) == 2
    assert registry.get_sample_value("segmo_pending", labels) == 0
    assert registry.get_sample_value("segmo_paused", labels) == 0
    assert b"segmo_requests_total" in prometheus.generate_latest(registry)


def test_opentelemetry(worked):
    sdk = pytest.importorskip("opentelemetry.sdk.metrics", reason="not run: opentelemetry-sdk is not installed")
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    metrics.observe(worked, sdk.MeterProvider([reader]).get_meter("shop"))
    points = {metric.name: {point.attributes["destination"]: point.value for point in metric.data.data_points}
              for resource in reader.get_metrics_data().resource_metrics
              for scope in resource.scope_metrics for metric in scope.metrics}
    assert points["segmo.delivered"]["segment"] == 2
    assert points["segmo.pending"]["segment"] == 0
