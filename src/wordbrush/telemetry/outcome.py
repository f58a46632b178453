"""How a stage ended, pushed to the Pushgateway in WORDBRUSH_PUSHGATEWAY (host:port or a URL).

Nothing is pushed if the variable is not set. Only the outcome is pushed, as Prometheus advises for
batch jobs; what changes while a stage runs is scraped (`metrics`).
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException

from prometheus_client import CollectorRegistry, Gauge, pushadd_to_gateway

from wordbrush.errors import Diverged, Stopped, WordbrushError
from wordbrush.process import variable
from wordbrush.telemetry import metrics

GATEWAY_VARIABLE = "WORDBRUSH_PUSHGATEWAY"
JOB = "wordbrush"
PATIENCE = 5.0  # seconds for a gateway's answer: a stage that was asked to stop has 14 in all
REASONS = ("success", "fault", "diverged", "stopped", "error")


class Outcome:
    """What will be pushed of one run of a stage."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    def set(self, name: str, meaning: str, value: float) -> None:
        Gauge(name, meaning, registry=self.registry).set(value)

    def choose(
        self, name: str, meaning: str, label: str, chosen: str, allowed: tuple[str, ...]
    ) -> None:
        """One of several states, as Prometheus has it: a series for each, 1 for the true one."""
        self.compare(name, meaning, label, {one: float(one == chosen) for one in allowed})

    def compare(self, name: str, meaning: str, label: str, values: Mapping[str, float]) -> None:
        gauge = Gauge(name, meaning, [label], registry=self.registry)
        for one, value in values.items():
            gauge.labels(one).set(value)

    def push(self, stage: str, mining: str) -> None:
        """Push what is in here; other series of the stage, such as its last success, stay.

        A gateway that does not answer is one line on stderr.
        """
        gateway = variable(GATEWAY_VARIABLE)
        if not gateway:
            return
        group = {"stage": stage, "mining": mining} if mining else {"stage": stage}
        try:
            pushadd_to_gateway(gateway, JOB, self.registry, group, PATIENCE)
        except (OSError, HTTPException, ValueError) as error:
            why = " ".join(str(getattr(error, "reason", error)).split())
            print(
                f"the outcome of {stage} is not pushed: {gateway} ({GATEWAY_VARIABLE}): {why}",
                file=sys.stderr,
                flush=True,
            )


@contextmanager
def reported(stage: str, mining: str = "") -> Iterator[Outcome]:
    """Serve a stage's metrics while it runs; then push how it ended, and the outcome's values."""
    metrics.serve(stage, mining)
    outcome, started, ended = Outcome(), time.monotonic(), "success"
    try:
        yield outcome
    except BaseException as error:
        ended = reason(error)
        raise
    finally:
        outcome.choose("wordbrush_stage_exit", "How the last run ended", "reason", ended, REASONS)
        outcome.set(
            "wordbrush_stage_duration_seconds",
            "How long the last run took",
            time.monotonic() - started,
        )
        if ended == "success":
            outcome.set(
                "wordbrush_stage_last_success_timestamp_seconds",
                "When a run last succeeded",
                time.time(),
            )
        try:
            outcome.push(stage, mining)
        except Stopped:
            if ended != "success":  # what is done stays done
                raise


def reason(error: BaseException) -> str:
    """The exception that ended a stage, as one of REASONS."""
    if isinstance(error, Stopped):
        return "stopped"
    if isinstance(error, Diverged):
        return "diverged"
    return "fault" if isinstance(error, WordbrushError) else "error"
