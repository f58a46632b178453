"""Downloads from a web server and a bucket.

They resume where they stopped, are checked by their hash, and give up in one sentence.
"""

import hashlib
import os
import threading

import pytest
from google.cloud import storage

from tests.faults.proxy import Proxy
from tests.web import Web
from wordbrush.errors import WordbrushError
from wordbrush.storage import downloads, sources
from wordbrush.storage.downloads import MIB, download, open_source
from wordbrush.storage.web import require_secure

CONTENT = os.urandom(5 * MIB + 17)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", (0.05, 0.1))


@pytest.fixture
def web():
    with Web() as web:
        web.files["/a.zip"] = CONTENT
        yield web


def fetch(
    web: Web, folder, path: str = "/a.zip", sha256: str | None = None, patience: float = 20
) -> bytes:
    return download(open_source(web.url(path)), folder, sha256, patience).read_bytes()


def test_the_bytes_come_and_the_hash_is_compared(web, tmp_path):
    assert fetch(web, tmp_path / "x", sha256=SHA256) == CONTENT
    with pytest.raises(WordbrushError, match=r"its sha256 is .* was asked for") as caught:
        fetch(web, tmp_path / "y", sha256="0" * 64)
    assert "\n" not in str(caught.value) and not (tmp_path / "y/content").exists()


def test_a_broken_connection_is_gone_on_with(web, tmp_path):
    web.drop_after = [2 * MIB, MIB, 100]
    assert fetch(web, tmp_path) == CONTENT
    assert web.asked == [None, *(f"bytes={start}-" for start in (2 * MIB, 3 * MIB, 3 * MIB + 100))]


def interrupt(web: Web, folder) -> None:
    """A call that leaves the first 2 MiB."""
    web.drop_after, web.after_drop = [2 * MIB], [503] * 99
    with pytest.raises(
        WordbrushError, match=r"did not answer well .*\(it answered 503\).*resumes where it stopped"
    ):
        fetch(web, folder, patience=0.2)
    web.statuses, web.after_drop, web.asked = [], [], []


def test_a_later_call_goes_on_and_a_third_has_nothing_to_fetch(web, tmp_path):
    interrupt(web, tmp_path)
    assert fetch(web, tmp_path) == CONTENT and web.asked == [f"bytes={2 * MIB}-"]
    assert fetch(web, tmp_path) == CONTENT and web.asked[1:] == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize(
    "change", ["content", "shorter", "ranges", "note", "damaged note", "source"]
)
def test_what_cannot_be_gone_on_with_begins_anew(web, tmp_path, change):
    interrupt(web, tmp_path)
    note, path = tmp_path / "content.json", "/a.zip"
    if change in ("content", "shorter"):
        web.files[path] = CONTENT[::-1] if change == "content" else CONTENT[:MIB]
    elif change == "ranges":
        web.ranges = False
    elif change == "note":
        note.unlink()
    elif change == "damaged note":
        note.write_text(note.read_text()[:-5])
    else:
        path, web.files["/b.zip"] = "/b.zip", CONTENT[::-1]
    assert fetch(web, tmp_path, path) == web.files[path]


def test_without_mark_and_hash_nothing_is_joined(web, tmp_path):
    """The server may have another file by now: only a hash could tell."""
    web.marks, web.drop_after = False, [MIB]
    assert fetch(web, tmp_path) == CONTENT and web.asked == [None, None]
    web.drop_after, web.asked = [MIB], []
    assert fetch(web, tmp_path / "hashed", sha256=SHA256) == CONTENT and web.asked == [
        None,
        f"bytes={MIB}-",
    ]


def test_an_answer_of_unknown_length_is_read_to_its_end(web, tmp_path):
    web.lengths = False
    assert fetch(web, tmp_path, sha256=SHA256) == CONTENT


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_in_trouble_is_asked_again(web, tmp_path, status):
    web.statuses = [status, status]
    assert fetch(web, tmp_path) == CONTENT and len(web.asked) == 3


def test_a_connection_that_always_breaks_is_given_up(web, tmp_path):
    web.drop_after = [0] * 999
    with pytest.raises(WordbrushError, match="did not answer well for 1 seconds"):
        fetch(web, tmp_path, patience=1)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/gone", "answered 404: there is nothing at that address"),
        ("/a.zip?token=secret", "answered 403: it may not be read"),
    ],
)
def test_a_refusal_is_one_sentence_without_the_query(web, tmp_path, path, words):
    web.statuses = [403] if "secret" in path else []
    with pytest.raises(WordbrushError, match=words) as caught:
        fetch(web, tmp_path, path)
    assert (
        len(web.asked) == 1 and "secret" not in str(caught.value) and "\n" not in str(caught.value)
    )
    assert not any(tmp_path.iterdir())


def test_no_secret_of_an_address_is_kept(web, tmp_path):
    address = web.url("/a.zip?signature=secret").replace("127.0.0.1", "user:secret@127.0.0.1")
    download(open_source(address), tmp_path)
    assert "secret" not in (tmp_path / "content.json").read_text()


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org/a.zip",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "https://",
        "a.zip",
        "gs://bucket",
        "gs://",
    ],
)
def test_other_places_are_refused(place):
    with pytest.raises(WordbrushError, match=r"https://|gs://bucket"):
        open_source(place)


@pytest.mark.parametrize(
    "place",
    ["https://[x", "https://localhost:99999/x?sig=SECRET", "https://localhost:x/?sig=SECRET"],
)
def test_what_is_no_url_is_one_sentence_without_its_query(tmp_path, place):
    with pytest.raises(WordbrushError) as caught:
        download(open_source(place), tmp_path / "kept")
    assert "SECRET" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["http://example.org/a.zip", "file:///etc/passwd", "ftp://127.0.0.1/a"]
)
def test_a_redirect_to_an_unsafe_place_is_refused(web, tmp_path, target):
    web.redirects = {"/r": target, "/good": "/a.zip"}
    assert fetch(web, tmp_path / "good", "/good") == CONTENT
    with pytest.raises(WordbrushError, match="a redirect leads to"):
        fetch(web, tmp_path, "/r")


def test_https_never_leads_back_to_this_machine():
    with pytest.raises(WordbrushError, match="a redirect leads to http"):
        require_secure("http://127.0.0.1/a", "https://example.org")


def test_a_server_that_is_not_there_is_named_at_once(tmp_path):
    with pytest.raises(WordbrushError, match=r"http://127.0.0.1:9/a cannot be reached \(.*refused"):
        download(open_source("http://127.0.0.1:9/a"), tmp_path)


def test_a_full_disk_keeps_what_came(web, tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MIB, limits[1]))
    try:
        with pytest.raises(WordbrushError, match="content cannot be written: file too large"):
            fetch(web, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    web.asked.clear()
    assert fetch(web, tmp_path) == CONTENT and web.asked == [f"bytes={3 * MIB}-"]


@pytest.fixture
def bucket(bucket_server, monkeypatch):
    """A bucket behind a proxy that can be told to fail."""
    proxy = Proxy(bucket_server)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
    monkeypatch.setattr(sources, "PIECE", MIB)
    yield storage.Client(project=None).bucket("wordbrush"), proxy
    proxy.shutdown()
    proxy.server_close()


def get(name: str, folder, patience: float = 20) -> bytes:
    return download(open_source(f"gs://wordbrush/{name}", patience), folder).read_bytes()


def test_an_object_is_fetched_in_pieces_and_gone_on_with(bucket, tmp_path):
    wordbrush, proxy = bucket
    wordbrush.blob("data/a.zip").upload_from_string(CONTENT)
    threading.Timer(1.0, setattr, (proxy, "fault", None)).start()
    proxy.fault = "drop"
    assert get("data/a.zip", tmp_path) == CONTENT
    (tmp_path / "content").write_bytes(CONTENT[: 2 * MIB])
    proxy.requests.clear()
    assert get("data/a.zip", tmp_path) == CONTENT
    assert len([one for one in proxy.requests if "alt=media" in one]) == 4


def test_an_object_of_another_content_begins_anew(bucket, tmp_path):
    wordbrush, _ = bucket
    for content in (CONTENT, CONTENT[:MIB], b""):
        wordbrush.blob("b.zip").upload_from_string(content)
        assert get("b.zip", tmp_path) == content


def test_damage_on_the_way_is_found_by_the_checksum_of_the_bucket(bucket, tmp_path):
    wordbrush, _ = bucket
    wordbrush.blob("c.zip").upload_from_string(CONTENT)
    get("c.zip", tmp_path)
    (tmp_path / "content").write_bytes(bytes([CONTENT[0] ^ 1]) + CONTENT[1:])
    with pytest.raises(WordbrushError, match=r"its crc32c is .*, but the bucket says"):
        get("c.zip", tmp_path)
    assert get("c.zip", tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("place", "fault", "words"),
    [
        ("gs://wordbrush/never", None, "there is no such object"),
        ("gs://nowhere/a", None, "answered 404: there is no such bucket"),
        ("gs://wordbrush/a", 403, "answered 403: .*may not"),
        ("gs://wordbrush/a", 401, "needs Google credentials"),
        ("gs://wordbrush/a", 503, "did not answer well for 1 seconds"),
    ],
)
def test_a_bucket_that_refuses_is_one_sentence(bucket, tmp_path, place, fault, words):
    bucket[1].fault = fault
    with pytest.raises(WordbrushError, match=words) as caught:
        download(open_source(place, 1), tmp_path)
    assert str(caught.value).startswith(place) and "\n" not in str(caught.value)
