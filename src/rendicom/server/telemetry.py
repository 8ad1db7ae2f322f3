"""What is counted and timed, for Prometheus. No label holds a UID, a name or a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from rendicom import __version__

if TYPE_CHECKING:
    from rendicom.server.cache import ByteCache
    from rendicom.server.renderers import Renderers
    from rendicom.server.singleflight import SingleFlight

__all__ = ["CONTENT_TYPE", "Telemetry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Telemetry:
    """Counters and clocks of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter(
            "requests", "Requests answered.", "route", "method", "status"
        )
        self._seconds = self._histogram("request_seconds", "From request to last byte.", "route")
        self._bytes = self._counter("response_bytes", "Bytes of bodies sent.", "route")
        # To look labels up takes longer than to count.
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter]] = {}
        self._clocks: dict[tuple[Histogram, str], Histogram] = {}
        self._flight = Gauge(
            "rendicom_requests_in_flight", "Requests under way.", registry=self.registry
        )
        self._wait = self._histogram("queue_seconds", "Waiting for a worker.", "kind")
        self._work = self._histogram("work_seconds", "Calls in workers.", "kind")
        self._stage = self._histogram("render_stage_seconds", "Rendering by stage.", "stage")
        self._lost = self._counter("workers_lost", "Workers that had to be replaced.", "reason")
        self._failures = self._counter(
            "decode_failures", "Pictures that could not be decoded.", "transfer_syntax", "code"
        )
        self._refusals = self._counter("auth_failures", "Requests without a good key.", "reason")
        self._indexed: Gauge | None = None
        build = Gauge("rendicom_build", "Version.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"rendicom_{name}", help, labels, registry=self.registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(f"rendicom_{name}", help, labels, registry=self.registry, buckets=_BUCKETS)

    def watch(self, *, renderers: Renderers, cache: ByteCache, flights: SingleFlight) -> None:
        """Report also what these count themselves."""
        self.registry.register(_Watched(renderers, cache, flights))

    def began(self) -> None:
        """Count a request that is under way from now."""
        self._flight.inc()

    def answered(self, *, route: str, method: str, status: int, size: int, seconds: float) -> None:
        """Count a request that is over; ``route`` is the template, never the path."""
        self._flight.dec()
        key = (route, method, status)
        children = self._answers.get(key)
        if children is None:
            children = self._answers[key] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route),
                self._bytes.labels(route),
            )
        requests, clock, sizes = children
        requests.inc()
        clock.observe(seconds)
        sizes.inc(size)

    def waited(self, kind: str, seconds: float) -> None:
        """Count what a call waited for a worker."""
        self._child(self._wait, kind).observe(seconds)

    def worked(self, kind: str, seconds: float) -> None:
        """Count what a worker took for a call."""
        self._child(self._work, kind).observe(seconds)

    def stage(self, stage: str, seconds: float) -> None:
        """Count what one stage of rendering took, as a worker reports it."""
        self._child(self._stage, stage).observe(seconds)

    def _child(self, clock: Histogram, label: str) -> Histogram:
        found = self._clocks.get((clock, label))
        if found is None:
            found = self._clocks[clock, label] = clock.labels(label)
        return found

    def worker_lost(self, *, timed_out: bool) -> None:
        """Count a worker that died, or that was ended since its time was over."""
        self._lost.labels("timed-out" if timed_out else "died").inc()

    def decode_failed(self, transfer_syntax: str, code: str) -> None:
        """Count a picture that could not be decoded; ``code`` is that of the error."""
        self._failures.labels(_known_syntax(transfer_syntax), code).inc()

    def auth_failed(self, reason: str) -> None:
        """Count a request that was not let in."""
        self._refusals.labels(reason).inc()

    def indexed(self, *, studies: int, series: int, instances: int) -> None:
        """Say how much the index holds now."""
        if self._indexed is None:
            self._indexed = Gauge(
                "rendicom_indexed", "What the index holds.", ["level"], registry=self.registry
            )
        counts = {"studies": studies, "series": series, "instances": instances}
        for level, number in counts.items():
            self._indexed.labels(level).set(number)

    def exposition(self) -> bytes:
        """Return all of it in the text format that Prometheus reads."""
        return generate_latest(self.registry)


def _known_syntax(uid: str) -> str:
    """Return the UID of a transfer syntax of the standard; a file may hold anything there."""
    from pydicom.uid import AllTransferSyntaxes

    return uid if uid in AllTransferSyntaxes else "other"


class _Watched:
    """Asks for counts when they are read."""

    def __init__(self, renderers: Renderers, cache: ByteCache, flights: SingleFlight) -> None:
        self._renderers, self._cache, self._flights = renderers, cache, flights

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted elsewhere."""
        renderers, cache = self._renderers, self._cache
        gauges = {
            "queue_length": ("Calls that wait for a worker.", renderers.waiting),
            "workers_busy": ("Workers at work.", renderers.busy),
            "workers": ("Workers there should be.", renderers.width),
            "cache_bytes": ("Bytes of pictures kept.", cache.size),
            "cache_entries": ("Pictures kept.", len(cache)),
        }
        for name, (what, value) in gauges.items():
            yield GaugeMetricFamily(f"rendicom_{name}", what, value=value)
        counters = {
            "cache_hits": ("Pictures found in the cache.", cache.hits),
            "cache_misses": ("Pictures not found in the cache.", cache.misses),
            "requests_shared": ("Answers that others worked for, too.", self._flights.shared),
        }
        for name, (what, value) in counters.items():
            yield CounterMetricFamily(f"rendicom_{name}", what, value=value)
