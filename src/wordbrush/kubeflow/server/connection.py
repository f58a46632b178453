"""Where a Kubeflow Pipelines server is, and as whom to speak to it."""

from dataclasses import dataclass, field

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow import values
from wordbrush.kubeflow.server.credentials import Credentials, credentials_from_environment


@dataclass(frozen=True)
class Connection:
    """A server, and what runs on it have in common."""

    host: str
    namespace: str
    experiment: str
    pipeline_root: str | None = None
    service_account: str | None = None
    credentials: Credentials = field(default_factory=Credentials)

    def require_account(self) -> None:
        """Raises WordbrushError where no account is named for the pods of a run."""
        if self.service_account is None:
            raise WordbrushError(
                "--service-account is not given, and Kubeflow would run the stages as its own "
                "account, which may do far more than they need: name one, such as wordbrush, or "
                "set WORDBRUSH_KFP_SERVICE_ACCOUNT."
            )


def make_connection(
    host: str,
    namespace: str,
    experiment: str,
    pipeline_root: str | None = None,
    service_account: str | None = None,
) -> Connection:
    """A connection with the credentials of the environment.

    Raises WordbrushError: a value is empty or impossible, such as a host that is no URL.
    """
    return Connection(
        values.host(host),
        values.namespace(namespace),
        values.title("--experiment", experiment),
        None if pipeline_root is None else values.pipeline_root(pipeline_root),
        None if service_account is None else values.service_account(service_account),
        credentials_from_environment(),
    )
