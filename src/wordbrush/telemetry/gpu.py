"""The GPU as PyTorch sees it, read at each scrape. Without a GPU, or before its first use, there
are no such metrics.
"""

from collections.abc import Iterator

import torch
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wordbrush.telemetry import metrics


class Gpu(Collector):
    """Memory and use of the device on which networks run, whoever uses it."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if torch.cuda.is_initialized():
            free, total = torch.cuda.mem_get_info()
            yield gauge("wordbrush_gpu_memory_used_bytes", "Memory in use", total - free)
            yield gauge("wordbrush_gpu_memory_capacity_bytes", "Memory in all", total)
            try:
                used = torch.cuda.utilization() / 100
            except Exception:  # NVML is missing, or (as with MIG) does not say
                return
            yield gauge(
                "wordbrush_gpu_utilization_ratio",
                "Share of the last seconds in which a kernel ran",
                used,
            )


def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, f"{meaning}, of the GPU", labels=metrics.STAGE)
    family.add_metric(metrics.running(), value)
    return family


def watch() -> None:
    """Add the GPU to what is scraped."""
    REGISTRY.register(Gpu())
