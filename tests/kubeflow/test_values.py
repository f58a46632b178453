"""What people name for a cluster is taken, or refused with one sentence."""

import string
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow import values

DIGEST = "@sha256:" + "0123456789abcdef" * 4
LONG = "a" * 64
ACCEPTED = {
    values.image: [
        "wordbrush-python:0.1.0",
        "other:1",
        "a",
        "localhost/a:1",
        "localhost:5000/a/b_c/d__e:V1",
        "host:5000/a",
        "europe-docker.pkg.dev/project-1/repo/wordbrush-python" + DIGEST,
        "ghcr.io/owner/a.b-c--d:v1.0_x" + DIGEST,
    ],
    values.namespace: ["kubeflow", "a", "a-1", "0", "a" * 63],
    values.service_account: ["pipeline-runner", "a.b-c", "0", ".".join(["a" * 63] * 3)],
    values.pipeline_root: ["gs://bucket/kfp", "s3://b", "minio://b/a b".replace(" ", "-")],
    values.host: [
        "http://localhost:8080",
        "https://kfp.example.org/pipeline",
        "http://[::1]:80",
        "http://10.0.0.1",
    ],
}
REFUSED = {
    values.image: [
        *(
            "",
            " ",
            "my image",
            "image\n",
            "\nimage",
            "Image:1",
            "Owner/image",
            "ghcr.io/Owner/image",
        ),
        *("a:", ":1", "a@", "a@sha256:123", "a@sha256:" + "A" * 64, "a::1", "a/", "/a", "a//b"),
        *("http://a/b", "a:1 ", "imagé", "a:" + "b" * 129, "a/" * 200 + "a", "NAME@sha256:DIGEST"),
        *("-a", "a_-b", "$IMAGE", "a:1:2", "ａ"),
    ],
    values.namespace: ["", " ", "Kubeflow", "a_b", "-a", "a-", "a.b", LONG, "a\n", "é", "a b"],
    values.service_account: [
        "",
        "Runner",
        "a..b",
        ".a",
        "a.",
        "a_b",
        ("a." * 127) + "aa",
        "a\n",
        "a/b",
    ],
    values.pipeline_root: [
        *("", "bucket", "/folder", "file:///a", "http://a/b", "gs://", "gs:///a", "az://a/b"),
        *("gs://a b", "gs://a\n", "s3://a/\x1b[31m"),
    ],
    values.host: [
        *("", "localhost", "localhost:8080", "ftp://a", "http://", "http:///a", "http://a:x"),
        *("http://a:99999", "http://a:0", "http://a b", "http://a\n", "http://[::1", "file:///etc"),
        *("http://" + LONG + ".org", "http://é.org", "http://user:secret@a", "http://token@a"),
        *("http://a/#/runs", "http://a/?q=secret", "http://a\\b", "http://.a"),
    ],
}
CHECKS = list(ACCEPTED)


def outcome(check: Callable[[str], str], text: str) -> str | None:
    """The value that is taken; None where it is refused with one sentence."""
    try:
        return check(text)
    except WordbrushError as error:
        said = str(error)
        assert said.isprintable() and said.startswith("--") and len(said) < 400, said
        assert "secret" not in said
        return None


@pytest.mark.parametrize("check", CHECKS)
def test_values_of_every_kind(check):
    assert [outcome(check, text) for text in ACCEPTED[check]] == ACCEPTED[check]
    assert [text for text in REFUSED[check] if outcome(check, text) is not None] == []


def test_images_that_every_node_can_pull():
    good = [image for image in ACCEPTED[values.image] if "@" in image and "." in image]
    assert len(good) == 2
    assert [outcome(values.pullable_image, image) for image in good] == good
    for image in ("localhost:5000/a" + DIGEST, "host:5000/a:1" + DIGEST):
        assert outcome(values.pullable_image, image) == image
    for image in ("a", "a" + DIGEST, "owner/a" + DIGEST, "ghcr.io/a/b:1", "localhost/a", "A"):
        assert outcome(values.pullable_image, image) is None


def test_names_that_are_shown():
    def name(text: str) -> str:
        return values.title("--name", text)

    for text in ("wordbrush", "Läufe, nachts", "a" * 255):
        assert outcome(name, text) == text
    for text in ("", "  ", "a\nb", "\x1b[31m", "a" * 256, "\udcff"):
        assert outcome(name, text) is None


def test_times_to_wait():
    assert values.seconds("--every", 0.1) == 0.1
    for value in (0.0, -1.0, float("nan"), float("inf"), 1e9):
        with pytest.raises(WordbrushError, match="to 86400 seconds"):
            values.seconds("--every", value)


def test_a_slash_at_the_end_of_a_host_goes():
    assert values.host("http://localhost:8080/") == "http://localhost:8080"


LETTERS = string.ascii_lowercase + string.digits
NEAR = st.text("abzAZ09-._:/@ \n\té", max_size=70)  # near to what is right


def is_label(text: str) -> bool:
    """RFC 1123, by counting."""
    inner = set(text) <= set(LETTERS + "-") and 1 <= len(text) <= 63
    return inner and text[0] != "-" and text[-1] != "-"


@settings(derandomize=True, deadline=None, max_examples=300)
@given(text=st.one_of(NEAR, st.text(max_size=70)))
def test_any_text_is_a_kubernetes_name_or_one_sentence(text):
    assert (outcome(values.namespace, text) == text) == is_label(text)
    parts = all(map(is_label, text.split("."))) and len(text) <= 253
    assert (outcome(values.service_account, text) == text) == parts


def is_image(text: str) -> bool:
    """The parts of a reference, split where Docker splits them."""
    name, _, digest = text.partition("@")
    if "@" in text and not (digest.startswith("sha256:") and len(digest) == 71):
        return False
    first, slash, rest = name.partition("/")
    if slash and (set(first) & set(".:") or first == "localhost"):
        domain, _, port = first.partition(":")
        if not domain.isascii() or (":" in first and not (port.isdigit() and len(port) <= 5)):
            return False
        name = rest
    path, colon, tag = name.rpartition(":") if ":" in name else (name, "", "")
    if colon and (not tag or len(tag) > 128 or (not tag[0].isalnum() and tag[0] != "_")):
        return False
    return all(part and part[0] in LETTERS and part[-1] in LETTERS for part in path.split("/"))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(text=st.one_of(NEAR, st.from_regex(values.IMAGE, fullmatch=True), st.text(max_size=40)))
def test_an_image_that_is_taken_has_the_parts_of_one(text):
    if outcome(values.image, text) is not None:
        assert text.isascii() and not set(text) & set(string.whitespace) and is_image(text)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(text=st.one_of(st.builds("http://{}".format, NEAR), st.text(max_size=40)))
def test_a_host_that_is_taken_can_be_asked(text):
    taken = outcome(values.host, text)
    if taken is not None:
        parts = urlsplit(taken)
        assert parts.hostname and parts.username is None and not parts.query + parts.fragment
        assert taken.isascii() and taken.isprintable() and " " not in taken
