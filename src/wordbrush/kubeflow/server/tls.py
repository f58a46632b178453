"""Which certificates of servers are trusted, and what is wrong with one that is not."""

import socket
import ssl
from urllib.parse import urlsplit

import certifi
from cryptography import x509

from wordbrush.errors import WordbrushError
from wordbrush.process import variable
from wordbrush.storage.paths import given_path

BUNDLE = "WORDBRUSH_KFP_CA"
BUNDLES = (BUNDLE, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the first that is set
SECONDS = 10.0  # to fetch a certificate that was refused


def make_context() -> ssl.SSLContext:
    """Trusts the authorities of the file or folder that a variable names, else the public ones.

    Raises WordbrushError: what the variable names holds no certificates.
    """
    for name in BUNDLES:
        if place := variable(name):
            return _trusting(name, place)
    return ssl.create_default_context(cafile=certifi.where())


def _trusting(name: str, place: str) -> ssl.SSLContext:
    path = given_path(place)
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=str(path))
        context = ssl.create_default_context(cafile=str(path))
    except OSError as error:  # so is ssl.SSLError
        reason = "it is not PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise WordbrushError(
            f"{name}: {place} holds no certificates ({reason}): name a file of PEM, with the "
            "certificate of the authority that signed the server's."
        ) from None
    return context


def fault(host: str, error: ssl.SSLCertVerificationError) -> str:
    """Why the certificate of `https://…` is not trusted, and whose it is: a part of a sentence."""
    known = described(host)
    return f"{error.verify_message}{'; ' + known if known else ''}"


def described(host: str) -> str:
    """Subject, issuer and end of the certificate that a server shows. "" if it shows none now."""
    parts = urlsplit(host)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is only looked at
    address = (parts.hostname or "", parts.port or 443)
    try:
        with (
            socket.create_connection(address, timeout=SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            found = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
        return (
            f"its certificate is of {found.subject.rfc4514_string() or 'nobody'}, "
            f"issued by {found.issuer.rfc4514_string() or 'nobody'}, "
            f"valid until {found.not_valid_after_utc:%Y-%m-%d}"
        )
    except (OSError, ValueError):
        return ""
