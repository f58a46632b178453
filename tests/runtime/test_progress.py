"""Progress and live metrics of a long task."""

import os
import socket
import subprocess
import sys

from wordbrush.runtime.progress import track

SCRAPE = """
import urllib.request
from wordbrush.runtime.progress import Progress
with Progress("draw", 4, "kimg") as progress:
    progress.advance(3)
    progress.note(loss=0.5)
    print(urllib.request.urlopen("http://127.0.0.1:{port}/metrics").read().decode())
"""


def test_track_passes_items_through_and_ends_with_a_line(capsys):
    assert list(track("abc", "letters", 3)) == ["a", "b", "c"]
    assert "letters: 3/3 it (100 %)" in capsys.readouterr().err


def test_a_prometheus_scrape_sees_the_task():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = subprocess.run([sys.executable, "-c", SCRAPE.format(port=port)], text=True, capture_output=True,
                          env={**os.environ, "WORDBRUSH_METRICS_PORT": str(port)})
    assert 'wordbrush_progress_done{task="draw"} 3.0' in done.stdout, done.stderr
    assert 'wordbrush_figure{name="loss",task="draw"} 0.5' in done.stdout


def test_a_bad_port_is_one_sentence():
    done = subprocess.run([sys.executable, "-c", SCRAPE.format(port=1)], text=True, capture_output=True,
                          env={**os.environ, "WORDBRUSH_METRICS_PORT": "http"})
    assert "WORDBRUSH_METRICS_PORT is 'http'" in done.stderr
