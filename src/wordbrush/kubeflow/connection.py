"""Where a Kubeflow Pipelines server is, and as whom to speak to it."""

import re
from dataclasses import dataclass

from pydantic import SecretStr

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow import values
from wordbrush.process import variable
from wordbrush.storage.paths import given_path

TOKEN, TOKEN_FILE = "WORDBRUSH_KFP_TOKEN", "WORDBRUSH_KFP_TOKEN_FILE"
LONGEST_TOKEN = 1 << 16  # bytes; servers take headers of 8 to 64 KiB


@dataclass(frozen=True)
class Connection:
    """A server, and what runs on it have in common. The token is never shown."""

    host: str
    namespace: str
    experiment: str
    pipeline_root: str | None
    service_account: str | None
    token: SecretStr | None


def make_connection(
    host: str,
    namespace: str,
    experiment: str,
    pipeline_root: str | None = None,
    service_account: str | None = None,
) -> Connection:
    """A connection with the token of the environment.

    Raises WordbrushError: a value is empty or impossible, such as a host that is no URL.
    """
    return Connection(
        values.host(host),
        values.namespace(namespace),
        values.title("--experiment", experiment),
        None if pipeline_root is None else values.pipeline_root(pipeline_root),
        None if service_account is None else values.service_account(service_account),
        token_from_environment(),
    )


def token_from_environment() -> SecretStr | None:
    """WORDBRUSH_KFP_TOKEN, or the content of the file that WORDBRUSH_KFP_TOKEN_FILE names.

    None where neither is set. Raises WordbrushError, which does not show it: the file cannot be
    read, or what is there cannot be a token.
    """
    if token := variable(TOKEN):
        return _checked(TOKEN, token)
    if file := variable(TOKEN_FILE):
        return _checked(f"{TOKEN_FILE}: {file}", _content(file))
    return None


def _content(file: str) -> str:
    try:
        with given_path(file).open("rb") as content:  # which may be a pipe, or endless
            return content.read(LONGEST_TOKEN + 1).decode("latin-1")
    except OSError as error:
        raise WordbrushError(f"{TOKEN_FILE}: {file} is not readable ({error.strerror}).") from None


def _checked(origin: str, text: str) -> SecretStr:
    """The token without the white space around it."""
    token = text.strip()
    if not token:
        raise WordbrushError(f"{origin} is empty: put the token there.")
    if len(token) > LONGEST_TOKEN or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise WordbrushError(
            f"{origin} is not a token: it holds a space, the end of a line or a letter beyond "
            "ASCII, or is too long; put the token alone there."
        )
    return SecretStr(token)
