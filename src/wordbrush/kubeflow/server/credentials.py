"""What a request shows to be let in: a token, one for a proxy, a cookie. None is ever printed.

Each comes from a variable, or from a file that another variable names. Files are read for every
request, since what renews a token, such as a cron job or a kubelet, writes it there.
"""

import re
from dataclasses import dataclass

from pydantic import SecretStr

from wordbrush.errors import WordbrushError
from wordbrush.process import variable
from wordbrush.storage.paths import given_path

TOKEN, PROXY_TOKEN, COOKIE = (
    "WORDBRUSH_KFP_TOKEN",
    "WORDBRUSH_KFP_PROXY_TOKEN",
    "WORDBRUSH_KFP_COOKIE",
)
LONGEST = 1 << 16  # bytes; servers take headers of 8 to 64 KiB
HEADERS = {  # of each variable: the header, what precedes the secret there, its letters, its kind
    TOKEN: ("Authorization", "Bearer ", re.compile(r"[\x21-\x7e]+"), "a token"),
    # https://cloud.google.com/iap/docs/authentication-howto: for servers that want the other header
    PROXY_TOKEN: ("Proxy-Authorization", "Bearer ", re.compile(r"[\x21-\x7e]+"), "a token"),
    COOKIE: ("Cookie", "", re.compile(r"[\x21-\x7e]+=[\x20-\x7e]*"), "a cookie, NAME=VALUE"),
}


@dataclass(frozen=True)
class Secret:
    """One of HEADERS' variables. value: what it holds; None where `file` is read instead."""

    variable: str
    value: SecretStr | None
    file: str | None = None

    def read(self) -> str:
        """The secret as it is now. Raises WordbrushError, which does not show it."""
        if self.value is not None:
            return _checked(self.variable, self.variable, self.value.get_secret_value())
        return _checked(self.variable, *_read(self.variable, self.file or ""))


@dataclass(frozen=True)
class Credentials:
    """All secrets that requests carry."""

    secrets: tuple[Secret, ...] = ()

    @property
    def renewed(self) -> bool:
        """Whether some are read from files, where a newer one may appear."""
        return any(secret.file for secret in self.secrets)

    def headers(self) -> dict[str, str]:
        """As headers of a request, read anew. Raises WordbrushError, which does not show them."""
        found = {}
        for secret in self.secrets:
            name, scheme, _, _ = HEADERS[secret.variable]
            found[name] = f"{scheme}{secret.read()}"
        return found


def credentials_from_environment() -> Credentials:
    """Those that the environment names; a variable with a secret goes before one with a file.

    Raises WordbrushError, which does not show it: a file cannot be read, or what is there cannot
    be such a secret.
    """
    found = Credentials(tuple(secret for name in HEADERS if (secret := _from_environment(name))))
    found.headers()
    return found


def _from_environment(name: str) -> Secret | None:
    """A secret by its variable, or by the one that names its file."""
    if value := variable(name):
        return Secret(name, SecretStr(value))
    file = variable(f"{name}_FILE")
    if file is None:
        return None
    path = given_path(file)
    if path.exists() and not path.is_file():  # the pipe of <(command) can be read once
        return Secret(name, SecretStr(_checked(name, *_read(name, file))))
    return Secret(name, None, file)


def _read(name: str, file: str) -> tuple[str, str]:
    """The origin of a secret, as people know it, and what is there."""
    origin = f"{name}_FILE: {file}"
    try:
        with given_path(file).open("rb") as content:  # which may be a pipe, or endless
            return origin, content.read(LONGEST + 1).decode("latin-1")
    except OSError as error:
        raise WordbrushError(f"{origin} is not readable ({error.strerror}).") from None


def _checked(name: str, origin: str, text: str) -> str:
    """The secret without the white space around it."""
    _, _, letters, kind = HEADERS[name]
    secret = text.strip()
    if not secret:
        raise WordbrushError(f"{origin} is empty: put {kind} there.")
    if len(secret) > LONGEST or not letters.fullmatch(secret):
        raise WordbrushError(
            f"{origin} is not {kind}: it holds a space, the end of a line or a letter beyond "
            f"ASCII, or is too long; put it alone there."
        )
    return secret
