"""Counters and durations for Prometheus. No label holds a UID, a name or a path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from rendicom import __version__

if TYPE_CHECKING:
    from rendicom.server.cache import ByteCache
    from rendicom.server.singleflight import SingleFlight
    from rendicom.server.worker_pool import WorkerPool

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class _Clock:
    """A histogram of seconds by one label.

    Unlike `prometheus_client.Histogram` it takes no locks, since only the event loop changes it:
    a picture is timed six times.
    """

    def __init__(self, name: str, help: str, label: str) -> None:
        self._name, self._help, self._label = f"rendicom_{name}", help, label
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, seconds: float) -> None:
        counts = self._counts.get(label)
        if counts is None:
            counts = self._counts[label] = [0] * (len(_BUCKETS) + 1)
            self._sums[label] = 0.0
        counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sums[label] += seconds

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._help, labels=[self._label])
        bounds = [*map(str, map(float, _BUCKETS)), "+Inf"]
        for label, counts in list(self._counts.items()):
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([label], buckets, self._sums.get(label, 0.0))
        yield family


class _Answers:
    """Requests under way, and those answered by route, method and status; takes no locks either."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.numbers: dict[tuple[str, str, int], int] = {}
        self.sizes: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "rendicom_requests_in_flight", "Requests under way.", value=self.in_flight
        )
        requests = CounterMetricFamily(
            "rendicom_requests", "Requests answered.", labels=["route", "method", "status"]
        )
        for (route, method, status), number in list(self.numbers.items()):
            requests.add_metric([route, method, str(status)], number)
        yield requests
        sizes = CounterMetricFamily(
            "rendicom_response_bytes", "Bytes of bodies sent.", labels=["route"]
        )
        for route, size in list(self.sizes.items()):
            sizes.add_metric([route], size)
        yield sizes


class Telemetry:
    """Counters and durations of one server, in its own registry. For its event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = _Answers()
        self.registry.register(self._answers)
        self._seconds = self._clock("request_seconds", "From request to last byte.", "route")
        self._wait = self._clock("queue_seconds", "Waiting for a worker.", "kind")
        self._work = self._clock("work_seconds", "Calls in workers.", "kind")
        self._stage = self._clock("render_stage_seconds", "Rendering by stage.", "stage")
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

    def _clock(self, name: str, help: str, label: str) -> _Clock:
        clock = _Clock(name, help, label)
        self.registry.register(clock)
        return clock

    def watch(self, *, renderers: WorkerPool, cache: ByteCache, flights: SingleFlight) -> None:
        """Also report the counts of other objects."""
        self.registry.register(_Watched(renderers, cache, flights))

    def began(self) -> None:
        """Count the start of a request."""
        self._answers.in_flight += 1

    def answered(self, *, route: str, method: str, status: int, size: int, seconds: float) -> None:
        """Count the end of a request; ``route`` is the template, never the path."""
        answers, key = self._answers, (route, method, status)
        answers.in_flight -= 1
        answers.numbers[key] = answers.numbers.get(key, 0) + 1
        answers.sizes[route] = answers.sizes.get(route, 0) + size
        self._seconds.observe(route, seconds)

    def waited(self, kind: str, seconds: float) -> None:
        """Record how long a call waited for a worker."""
        self._wait.observe(kind, seconds)

    def worked(self, kind: str, seconds: float) -> None:
        """Record how long a worker took for a call."""
        self._work.observe(kind, seconds)

    def stage(self, stage: str, seconds: float) -> None:
        """Record the duration of a stage of rendering, as a worker reports it."""
        self._stage.observe(stage, seconds)

    def worker_lost(self, *, timed_out: bool) -> None:
        """Count a worker that died, or was ended at its time limit."""
        self._lost.labels("timed-out" if timed_out else "died").inc()

    def decode_failed(self, transfer_syntax: str, code: str) -> None:
        """Count a picture that could not be decoded; ``code`` is that of the error."""
        from pydicom.uid import AllTransferSyntaxes

        # A file may hold anything there.
        known = transfer_syntax if transfer_syntax in AllTransferSyntaxes else "other"
        self._failures.labels(known, code).inc()

    def auth_failed(self, reason: str) -> None:
        """Count a request without a valid key."""
        self._refusals.labels(reason).inc()

    def indexed(self, *, studies: int, series: int, instances: int) -> None:
        """Set the size of the index."""
        if self._indexed is None:
            self._indexed = Gauge(
                "rendicom_indexed", "What the index holds.", ["level"], registry=self.registry
            )
        counts = {"studies": studies, "series": series, "instances": instances}
        for level, number in counts.items():
            self._indexed.labels(level).set(number)

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Watched:
    """Reads the counters of other objects when metrics are read."""

    def __init__(self, renderers: WorkerPool, cache: ByteCache, flights: SingleFlight) -> None:
        self._renderers, self._cache, self._flights = renderers, cache, flights

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
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
