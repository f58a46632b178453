"""`wordbrush champion`: the model that serves, for people: its card, its numbers, and its files."""

from pathlib import Path

from rich.console import Console

from wordbrush.errors import WordbrushError
from wordbrush.evaluation.results import Results
from wordbrush.evaluation.table import results_table
from wordbrush.registry.store import RESTORE, open_registry
from wordbrush.storage.files import require_new, whole_directory
from wordbrush.storage.validation import validated_json


def show_champion(address: str | None, target: Path | None = None) -> None:
    """Print card and numbers of the champion; its files go to `target`, all or none.

    address: of the registry (WORDBRUSH_REGISTRY). Raises WordbrushError: no registry, no champion,
    a file that is not what was promoted, a target that exists.
    """
    registry = open_registry(address)
    version = registry.champion()
    if version is None:
        raise WordbrushError(
            f"{registry.store.address} has no champion yet: the first run that ends with the gate "
            "makes one."
        )
    if target:
        require_new(target)
        with whole_directory(target) as folder:
            registry.fetch(version, folder)
    print(f"{registry.store.address}: {version}\n\n{registry.read(version, 'card.md').decode()}")
    origin = f"{registry.store.address}/versions/{version}/metrics.json"
    results = validated_json(Results, registry.read(version, "metrics.json"), origin, RESTORE)
    Console().print(results_table(results))
    if target:
        print(f"The files are in {target}.")
