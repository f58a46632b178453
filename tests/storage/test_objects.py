"""A folder and buckets keep small objects alike; faults are retried, or are one sentence."""

import contextlib
import multiprocessing
import threading

import pytest

from tests.faults.proxy import Proxy
from wordbrush.errors import WordbrushError
from wordbrush.storage.addresses import open_store
from wordbrush.storage.objects import Changed


@pytest.fixture
def proxy(bucket_server, monkeypatch) -> Proxy:
    proxy = Proxy(bucket_server)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    yield proxy
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture(params=["folder", "gs", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    request.getfixturevalue({"gs": "proxy", "s3": "s3_proxy"}[request.param])
    return open_store(f"{request.param}://wordbrush/{tmp_path.name}")


def test_objects_are_kept_exchanged_listed_and_deleted(store):
    assert store.read("a/one") is None and store.names("a") == []
    store.write("a/one", b"1")
    store.write("a/two", b"")
    store.write("a/deep/three", b"3")
    assert (
        store.read("a/one") == b"1"
        and store.read("a/two") == b""
        and set(store.names("a")) - {"deep"} == {"one", "two"}
    )
    store.exchange("a/one", b"2", b"1")
    store.exchange("a/new", b"n", None)
    for name, before in (("a/one", b"1"), ("a/one", None), ("a/gone", b"x")):
        with pytest.raises(Changed):
            store.exchange(name, b"3", before)
    assert store.read("a/one") == b"2"
    store.delete("a/one")
    store.delete("a/one")
    assert store.read("a/one") is None
    store.clear("a")
    assert store.read("a/two") is None


def count_up(store, counter: str, times: int) -> None:
    """Add one to a number in the store, `times` times, beside others who do the same."""
    for _ in range(times):
        while True:
            before = store.read("counter")
            number = int(before.split()[0]) if before else 0
            with contextlib.suppress(Changed):
                # Its writer's name makes the bytes unique: equal ones count as success in a bucket.
                store.exchange("counter", f"{number + 1} {counter}".encode(), before)
                break


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_of_exchanges_at_once_by_threads_one_succeeds(store, request):
    """Not gs: its emulator ignores the condition of an upload."""
    times = 50 if "folder" in request.node.name else 10
    threads = [
        threading.Thread(target=count_up, args=(store, f"thread {number}", times))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(store.read("counter").split()[0]) == 4 * times


def test_of_exchanges_at_once_by_processes_one_succeeds(tmp_path):
    store = open_store(str(tmp_path))
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=count_up, args=(store, f"process {number}", 30)) for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert int(store.read("counter").split()[0]) == 90
    assert store.names("folder") == [] and [one.name for one in tmp_path.glob("[!.]*")] == [
        "counter"
    ]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ""])
def test_no_name_leaves_the_store(store, name):
    for act in (store.read, store.names, store.delete, lambda name: store.write(name, b"")):
        with pytest.raises(WordbrushError, match="not a name inside a store"):
            act(name)


@pytest.mark.parametrize("fault", [429, 503, "drop"])
def test_a_bucket_in_trouble_is_asked_again(proxy, tmp_path, fault):
    store = open_store(f"gs://wordbrush/{tmp_path.name}")
    store.write("x", bytes(1000))
    proxy.fault = fault
    threading.Timer(1.5, setattr, (proxy, "fault", None)).start()
    assert store.read("x") == bytes(1000)
    assert len(proxy.requests) > 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (401, "needs Google credentials"),
        (403, "answered 403: .*may not"),
        (404, "answered 404: there is no such bucket"),
    ],
)
def test_a_refusal_is_one_sentence_and_is_not_asked_again(proxy, tmp_path, fault, words):
    store = open_store(f"gs://wordbrush/{tmp_path.name}")
    proxy.fault = fault
    with pytest.raises(WordbrushError, match=words) as caught:
        store.write("x", b"1")
    assert len([one for one in proxy.requests if one.startswith("POST")]) == 1
    assert str(caught.value).startswith(store.address) and "\n" not in str(caught.value)


def test_a_bucket_that_stays_away_is_named(proxy, tmp_path):
    store = open_store(f"gs://wordbrush/{tmp_path.name}", patience=2)
    proxy.fault = 503
    with pytest.raises(WordbrushError, match="did not answer well for 2 seconds"):
        store.write("x", b"1")


def test_a_full_disk_is_named(tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = open_store(str(tmp_path))
    store.write("x", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(WordbrushError, match=r"x: file too large"):
            store.write("x", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.read("x") == b"old" and [path.name for path in tmp_path.iterdir()] == ["x"]
