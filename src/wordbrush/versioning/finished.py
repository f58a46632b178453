"""Whether the remote has the results of a run already, all stages of it."""

from pathlib import Path

from wordbrush.versioning.environment import RemoteConfig, source_from_environment
from wordbrush.versioning.records import whole_lock
from wordbrush.versioning.runs import require_key
from wordbrush.versioning.workspace import scratch_workspace


def finished_lock(
    stage: str,
    params: str,
    key: str,
    remote: RemoteConfig | None = None,
    source: Path | None = None,
) -> str | None:
    """The lock of a finished run whose outputs are all in the remote; None where there is none.

    stage, key: the run's last stage and what `stage_keys` gave for it, which says what all stages
    would compute. params: the text of params.yaml. remote, source: None: as the environment says.
    Raises WordbrushError: other code than the pipeline was compiled from, or no remote.
    """
    source = source or source_from_environment()
    with scratch_workspace(source, params, remote or RemoteConfig.from_environment()) as repo:
        return whole_lock(repo, require_key(repo, stage, key))
