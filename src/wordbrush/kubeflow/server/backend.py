"""The version of a Kubeflow Pipelines server, and whether it can read what we compile."""

import re
import sys
from typing import Any

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server.api import Api

# The platform spec has had securityContext since 2.16.0 (kubernetes_platform/proto, commit
# 64ad98e7a9). Older servers parse it strictly: they answer 400, "unknown field".
LEAST = (2, 16)
VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?(?:[-+.]\S*)?")
FIELDS = {"multi_user", "tag_name", "commit_sha", "pipeline_store"}


def healthz(api: Api) -> dict[str, Any]:
    """What a server says of itself; kfp_server_api's own class has no place for the version.

    Raises WordbrushError: it is not Kubeflow Pipelines.
    """
    answer = api.call_api(
        "/apis/v2beta1/healthz", "GET", response_type="object", _return_http_data_only=True
    )
    if answer and FIELDS.isdisjoint(answer):
        raise api.stranger("an answer of another shape")
    return answer


def require_version(api: Api, answer: dict[str, Any]) -> None:
    """Raises WordbrushError where a server is too old for a compiled pipeline.

    A version that cannot be read, as that of a server built by hand, is only mentioned.
    answer: that of `healthz`.
    """
    least = ".".join(map(str, LEAST))
    tag = api.clean(answer.get("tag_name") or "")
    found = VERSION.fullmatch(tag)
    if not found:
        said = f"calls its version {tag!r}" if tag else "does not say its version"
        print(
            f"{api.host} {said}; if it is older than {least}, it will refuse the pipeline.",
            file=sys.stderr,
        )
    elif (int(found[1]), int(found[2])) < LEAST:
        raise WordbrushError(
            f"{api.host} is Kubeflow Pipelines {tag}, which cannot read the security settings of "
            f"the pods; {least} is the oldest that can: upgrade it (docs/cluster.md, step 2)."
        )
