from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from rendicom.server.cache import ByteCache
from rendicom.server.singleflight import SingleFlight
from rendicom.server.telemetry import Telemetry
from rendicom.server.worker_pool import WorkerPool


def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read the text back with Prometheus' own parser."""
    families = text_string_to_metric_families(telemetry.exposition().decode())
    return {
        (
            sample.name.removeprefix("rendicom_"),
            tuple(text for _, text in sorted(sample.labels.items())),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_and_timed():
    telemetry = Telemetry()
    telemetry.began()
    telemetry.began()
    telemetry.answered(route="/a", method="GET", status=200, size=10, seconds=0.03)
    found = samples(telemetry)
    assert found["requests_total", ("GET", "/a", "200")] == 1
    assert found["requests_in_flight", ()] == 1
    assert found["response_bytes_total", ("/a",)] == 10
    assert found["request_seconds_sum", ("/a",)] == 0.03
    assert found["request_seconds_bucket", ("0.025", "/a")] == 0
    assert found["request_seconds_bucket", ("0.05", "/a")] == 1


def test_decode_failures_are_by_transfer_syntax(caplog):
    telemetry = Telemetry()
    telemetry.decode_failed("1.2.840.10008.1.2.4.90", "corrupt-data")
    telemetry.decode_failed("1.2.3.4.5", "corrupt-data")
    telemetry.decode_failed("DOE^JOHN", "corrupt-data")
    telemetry.decode_failed("", "corrupt-data")
    found = samples(telemetry)
    assert found["decode_failures_total", ("corrupt-data", "1.2.840.10008.1.2.4.90")] == 1
    assert found["decode_failures_total", ("corrupt-data", "other")] == 3
    assert b"DOE" not in telemetry.exposition()
    assert "DOE" not in caplog.text


def test_what_others_count_is_read_when_asked_for():
    telemetry = Telemetry()
    cache, flights, renderers = ByteCache(1000), SingleFlight(), WorkerPool(3, engine="threads")
    telemetry.watch(renderers=renderers, cache=cache, flights=flights)
    cache.put("a", "A", 100)
    cache.get("a")
    cache.get("b")
    flights.shared = 7
    found = samples(telemetry)
    assert found["cache_bytes", ()] == 100
    assert found["cache_hits_total", ()] == 1
    assert found["cache_misses_total", ()] == 1
    assert found["requests_shared_total", ()] == 7
    assert found["workers", ()] == 3
    assert found["queue_length", ()] == 0


def test_the_rest():
    telemetry = Telemetry()
    telemetry.stage("decode", 0.01)
    telemetry.worker_lost(timed_out=True)
    telemetry.indexed(studies=1, series=2, instances=3)
    telemetry.indexed(studies=1, series=2, instances=4)
    found = samples(telemetry)
    assert found["render_stage_seconds_count", ("decode",)] == 1
    assert found["workers_lost_total", ("timed-out",)] == 1
    assert found["indexed", ("instances",)] == 4


def test_two_servers_of_one_process_count_apart():
    first, second = Telemetry(), Telemetry()
    first.worker_lost(timed_out=False)
    assert ("workers_lost_total", ("died",)) not in samples(second)
