"""What the server counts, for Prometheus, under the names of text-embeddings-inference where it has such a count.

Counters end in `_total` here, as Prometheus' client writes them.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from distil.serve.faults import FaultError

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The counts of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("te_request_count", "Requests", ["method"], registry=self.registry)
        self.answered = Counter("te_request_success", "Answered requests", ["method"], registry=self.registry)
        self.failed = Counter("te_request_failure", "Refused requests", ["err"], registry=self.registry)
        self.seconds = Histogram("te_request_duration", "Seconds a request", buckets=SECONDS, registry=self.registry)
        self.queue_size = Gauge("te_queue_size", "Weight of what waits or is computed", registry=self.registry)
        self.batch_size = Histogram(
            "te_batch_next_size", "Texts computed together", buckets=TEXTS, registry=self.registry
        )
        self.texts = Counter("distil_texts", "Texts that were labelled", ["answered_by"], registry=self.registry)
        self.unsure = Counter("distil_texts_unsure", "Texts of which the student is unsure", registry=self.registry)
        self.unanswered = Counter(
            "distil_teacher_unanswered", "Texts that the teacher did not label", ["why"], registry=self.registry
        )

    def note_refusal(self, fault: FaultError) -> None:
        """Count a refusal by its kind."""
        self.failed.labels(fault.kind.lower()).inc()

    def watch_dollars(self, spent: Callable[[], float]) -> None:
        """Tell, whenever it is asked, what the teacher's answers cost."""
        told = "Dollars for all answers that servers of this study bought"
        Gauge("distil_teacher_usd", told, registry=self.registry).set_function(spent)

    def write(self) -> bytes:
        """All of them in the text form of Prometheus."""
        return generate_latest(self.registry)
