"""Progress of a long task, on a terminal."""

from wordbrush.telemetry.progress import Progress, track


def test_track_passes_items_through_and_ends_with_a_line(capsys):
    assert list(track("abc", "letters", 3)) == ["a", "b", "c"]
    assert "letters: 3/3 it (100 %)" in capsys.readouterr().err


def test_figures_stand_beside_the_count(capsys):
    with Progress("draw", 4, "kimg", shows=(1000, "image")) as progress:
        progress.advance(3)
        progress.note(loss=0.5)
    assert "draw: 3/4 kimg (75 %)" in (said := capsys.readouterr().err) and "loss 0.5" in said
