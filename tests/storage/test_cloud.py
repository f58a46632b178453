"""s3:// and az://: troubles are retried, refusals are one sentence; see also test_objects.py."""

import sys
import threading

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.storage.addresses import open_store


@pytest.mark.parametrize("fault", [429, 503, "drop"])
def test_a_bucket_in_trouble_is_asked_again(s3_proxy, tmp_path, fault):
    store = open_store(f"s3://wordbrush/{tmp_path.name}")
    store.write("x", bytes(1000))
    s3_proxy.fault = fault
    threading.Timer(1.5, setattr, (s3_proxy, "fault", None)).start()
    assert store.read("x") == bytes(1000)
    assert len(s3_proxy.requests) > 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (401, "answered 401: the credentials are not accepted; set AWS_ACCESS_KEY_ID"),
        (403, "answered 403: this account may not"),
        (404, "cannot be used: .*404"),
    ],
)
def test_a_refusal_is_one_sentence_and_is_not_asked_again(s3_proxy, tmp_path, fault, words):
    store = open_store(f"s3://wordbrush/{tmp_path.name}")
    s3_proxy.fault = fault
    with pytest.raises(WordbrushError, match=words) as caught:
        store.write("x", b"1")
    assert len(s3_proxy.requests) == 1
    assert str(caught.value).startswith(store.address) and "\n" not in str(caught.value)


def test_a_bucket_that_stays_away_is_named(s3_proxy, tmp_path):
    store = open_store(f"s3://wordbrush/{tmp_path.name}", patience=1)
    s3_proxy.fault = 503
    with pytest.raises(WordbrushError, match="did not answer well for 1 seconds") as caught:
        store.write("x", b"1")
    assert "\n" not in str(caught.value) and s3_proxy.address not in str(caught.value)


def test_a_missing_bucket_is_not_a_missing_object(s3_proxy):
    store = open_store("s3://nowhere/x")
    for act in (store.read, store.names, lambda name: store.write(name, b"1")):
        with pytest.raises(WordbrushError, match="nowhere/x answered 404: there is no such bucket"):
            act("a")


def test_an_exchange_whose_answer_was_lost_has_succeeded(s3_proxy, tmp_path):
    store = open_store(f"s3://wordbrush/{tmp_path.name}")
    s3_proxy.fault = "lose-upload"
    store.exchange("x", b"1", None)
    assert store.read("x") == b"1"
    assert [one.split()[0] for one in s3_proxy.requests].count("PUT") == 2


def test_azure_is_reached_by_its_own_settings(monkeypatch):
    """No server of Azure runs here: that its address is understood, and who cannot be reached."""
    with pytest.raises(WordbrushError, match=r"az://container/x cannot be used: .*[aA]ccount"):
        open_store("az://container/x")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AZURE_ALLOW_HTTP", "true")
    with pytest.raises(WordbrushError, match="did not answer well for 1 seconds"):
        open_store("az://container/x", patience=1).read("x")


def test_without_obstore_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(WordbrushError) as caught:
        open_store("s3://bucket/x")
    assert str(caught.value) == "obstore is not installed: pip install 'wordbrush[cloud]'."


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("az://", "names no bucket"),
        ("gs://", "names no bucket"),
        ("ftp://host/x", "neither a folder nor gs://bucket/prefix, s3://bucket/prefix or az://"),
    ],
)
def test_other_addresses_are_refused(address, words):
    with pytest.raises(WordbrushError, match=words):
        open_store(address)
