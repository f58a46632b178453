"""Google credentials, looked for before a remote is asked.

Without any, gcsfs tries one way after the other for a minute, then asks as nobody.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.process import variable
from wordbrush.versioning.environment import RemoteConfig

TIMEOUT = 1.0  # seconds for an answer of the metadata server, which google-auth asks three times
OWN = {"allow_anonymous_login", "credentialpath", "endpointurl"}  # settings that need no others
POD = "KUBERNETES_SERVICE_HOST"  # which Kubernetes sets


def require_credentials(remote: RemoteConfig) -> None:
    """Raises WordbrushError where a remote needs Google credentials and the machine has none.

    Pods are not checked: the metadata server of a new pod may take longer to answer.
    """
    if not remote.url.startswith("gs://") or OWN & set(remote.options) or variable(POD):
        return
    with optional_packages():
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a project for quotas, which objects do not need
            google.auth.default(request=cast(Request, partial(_ask, Request())))
    except GoogleAuthError as error:
        raise WordbrushError(
            f"the remote {remote.url} needs Google credentials ({_reason(error)}): run `gcloud "
            "auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS."
        ) from None


def _ask(request: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Send a request of google-auth, with our own time to wait."""
    return request(*args, **{**options, "timeout": TIMEOUT})


def _reason(error: Exception) -> str:
    """The first sentence of google-auth's, without its link."""
    return (
        " ".join(str(error.args[0] if error.args else error).split()).partition(". ")[0].rstrip(".")
    )
