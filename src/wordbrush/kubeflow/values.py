"""What people name for a cluster: an image, a namespace, an address. Checked before work begins.

Each check returns the value itself, or raises a WordbrushError that names the option.
"""

import re
from urllib.parse import urlsplit

from wordbrush.errors import WordbrushError

SHOWN = 80  # characters of a value
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123, in lower case, as Kubernetes wants it
SUBDOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})*")
# https://github.com/distribution/reference, with the one algorithm that registries share
HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:))(?::[0-9]{1,5})?"
WORDS = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
TAG, DIGEST = r"[A-Za-z0-9_][\w.-]{0,127}", r"sha256:[0-9a-f]{64}"
IMAGE = re.compile(
    rf"(?P<name>(?P<registry>{HOST}/)?{WORDS}(?:/{WORDS})*)(?::{TAG})?(?P<digest>@{DIGEST})?",
    re.ASCII,
)
ROOT = re.compile(r"(?:gs|s3|minio)://[^/?\s][^?\s]*(?:\?\S+)?")  # what KFP's launcher takes
PAUSE = (0.1, 86400.0)  # seconds
LONGEST_IMAGE, LONGEST_SUBDOMAIN, LONGEST_NAME = 255, 253, 255


def image(value: str) -> str:
    """An image's name, with a tag or digest or without."""
    found = IMAGE.fullmatch(value)
    if not found or len(found["name"]) > LONGEST_IMAGE:
        raise _refused(
            "--image",
            value,
            "the name of an image",
            "small letters, as in registry.example.org/wordbrush-python:0.1.0",
        )
    return value


def pullable_image(value: str) -> str:
    """An image that every node of a cluster can pull, and finds to be the same for ever."""
    found = IMAGE.fullmatch(image(value))
    if not (found and found["registry"] and found["digest"]):
        lacks = "digest" if found and found["registry"] else "registry"
        raise WordbrushError(
            f"--image {value!r} names no {lacks}, so nodes "
            f"{'may run another image' if lacks == 'digest' else 'cannot pull it'}: push the image "
            "and give REGISTRY/NAME@sha256:DIGEST, or set WORDBRUSH_IMAGE."
        )
    return value


def namespace(value: str) -> str:
    """A Kubernetes namespace."""
    if not re.fullmatch(LABEL, value):
        raise _refused(
            "--namespace",
            value,
            "a Kubernetes namespace",
            "up to 63 small letters, digits and inner hyphens, such as kubeflow",
        )
    return value


def service_account(value: str) -> str:
    """The name of a Kubernetes service account."""
    if len(value) > LONGEST_SUBDOMAIN or not SUBDOMAIN.fullmatch(value):
        raise _refused(
            "--service-account",
            value,
            "the name of a Kubernetes account",
            "small letters, digits, inner hyphens and dots, such as pipeline-runner",
        )
    return value


def title(option: str, value: str) -> str:
    """A name that the server shows."""
    if not value.strip() or not value.isprintable() or len(value) > LONGEST_NAME:
        raise _refused(
            option,
            value,
            "a text to show",
            f"1 to {LONGEST_NAME} characters on one line, not only spaces",
        )
    return value


def optional_title(option: str, value: str | None) -> str | None:
    """A text that the server shows, if there is one."""
    return None if value is None else title(option, value)


def pipeline_root(value: str) -> str:
    """Where KFP keeps what its pages show."""
    if not value.isprintable() or not ROOT.fullmatch(value):
        raise _refused(
            "--pipeline-root",
            value,
            "a bucket",
            "gs://, s3:// or minio://, such as gs://bucket/kfp",
        )
    return value


def host(value: str) -> str:
    """The URL of a server, without a slash at its end. What it holds beside is not shown."""
    try:
        parts = urlsplit(value)
        good = parts.hostname and parts.port != 0 and parts.hostname.encode("idna")
    except ValueError:  # a port that is none, half a bracket, a label of 64 letters
        good = None
    if not good or parts.scheme not in ("http", "https") or re.search(r"[^\x21-\x7e]", value):
        shown = repr(value) if "@" not in value else "that"
        raise WordbrushError(f"--host: {shown} is not a URL; an example: http://localhost:8080.")
    if parts.username is not None or parts.query or parts.fragment or "\\" in value:
        raise WordbrushError(
            f"--host is more than a server's URL: keep {parts.scheme}://{parts.hostname}, its port "
            "and a path; a token goes into WORDBRUSH_KFP_TOKEN."
        )
    return value.rstrip("/")


def seconds(option: str, value: float) -> float:
    """A time to wait for."""
    least, most = PAUSE
    if not least <= value <= most:  # nor is NaN
        raise WordbrushError(f"{option} {value:g}: {least:g} to {most:g} seconds are possible.")
    return value


def _refused(option: str, value: str, kind: str, allowed: str) -> WordbrushError:
    shown = repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"
    return WordbrushError(f"{option} {shown} is not {kind}: {allowed}.")
