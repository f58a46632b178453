"""How much shorter an experiment trains."""

from collections.abc import Callable

from wordbrush.params import Training


def fewer_steps(stage: Training, shorter: Callable[[int], int]) -> dict[str, int]:
    """All that a training counts in steps, made shorter; of its steps one or more are left."""
    counts = {
        name: shorter(count)
        for name, count in stage.model_dump().items()
        if name == "steps" or name.endswith("_steps")
    }
    return counts | {"steps": max(1, counts["steps"])}
