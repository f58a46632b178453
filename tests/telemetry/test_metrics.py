"""Live metrics: what a scrape sees of a task.

A bad port is an error; a busy one costs a line.
"""

import os
import shutil
import socket
import subprocess
import sys

from tests.monitoring.servers import free_port
from tests.workspace import Workspace

SCRAPE = """
import urllib.request
from wordbrush.telemetry import metrics
from wordbrush.telemetry.progress import Progress
metrics.serve("train-gan", "")
progress = Progress("draw", 4, "kimg", done=1, shows=(1000, "image"))
with progress, metrics.waiting_for_data():
    progress.advance(0.008)
    progress.note(G=0.5, recall_10=25, unheard_of=1)
metrics.edited(8, 6)
print(urllib.request.urlopen("http://127.0.0.1:{port}/metrics").read().decode())
"""


def test_a_scrape_sees_the_task_in_base_units():
    port = str(free_port())
    done = subprocess.run(
        [sys.executable, "-c", SCRAPE.replace("{port}", port)],
        text=True,
        capture_output=True,
        env={**os.environ, "WORDBRUSH_METRICS_PORT": port},
    )
    assert done.returncode == 0, done.stderr
    for line in (
        'wordbrush_units_total{mining="",stage="train-gan",task="draw",unit="image"} 1008.0',
        'wordbrush_units_expected{mining="",stage="train-gan",task="draw",unit="image"} 4000.0',
        'wordbrush_loss{mining="",name="generator",stage="train-gan"} 0.5',
        'wordbrush_validation_recall_ratio{k="10",mining="",stage="train-gan"} 0.25',
        'wordbrush_edits_total{mining="",stage="train-gan"} 8.0',
        'wordbrush_edits_changed_total{mining="",stage="train-gan"} 6.0',
    ):
        assert line in done.stdout
    assert (
        "unheard_of" not in done.stdout
        and "wordbrush_gpu" not in done.stdout
        and "_created" not in done.stdout
    )


def test_a_wrong_port_is_one_sentence_before_anything_runs(tmp_path):
    for port in ("http", "0", "65536", "9" * 5000):
        done = Workspace(tmp_path).run(
            "wordbrush", "train-gan", check=False, WORDBRUSH_METRICS_PORT=port
        )
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"wordbrush: WORDBRUSH_METRICS_PORT is {port!r}")


def test_a_busy_port_and_an_absent_gateway_are_a_line_each_and_change_nothing(finished, tmp_path):
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(finished.root, workspace.root)
    shutil.rmtree(workspace.layout.samples)
    with socket.create_server(("0.0.0.0", 0)) as busy:
        port = busy.getsockname()[1]
        done = workspace.run(
            "wordbrush",
            "sample-images",
            WORDBRUSH_METRICS_PORT=str(port),
            WORDBRUSH_PUSHGATEWAY=f"127.0.0.1:{free_port()}",
        )
    metrics, progress, outcome = done.stderr.splitlines()
    assert metrics == (
        f"metrics are not served: Address already in use (port {port}); "
        "choose another WORDBRUSH_METRICS_PORT."
    )
    assert progress.startswith("drawing: ")
    assert (
        outcome.startswith("the outcome of sample-images is not pushed: 127.0.0.1:")
        and "Connection refused" in outcome
    )
    for path in finished.layout.samples.iterdir():
        assert (workspace.layout.samples / path.name).read_bytes() == path.read_bytes()


def test_a_watched_stage_gives_the_same_bytes(finished, tmp_path):
    shutil.copytree(finished.root, tmp_path / "work")
    workspace = Workspace(tmp_path / "work")
    shutil.rmtree(workspace.layout.segmenter)
    workspace.run("wordbrush", "train-segmenter", WORDBRUSH_METRICS_PORT=str(free_port()))
    for path in finished.layout.segmenter.iterdir():
        assert (workspace.layout.segmenter / path.name).read_bytes() == path.read_bytes()
