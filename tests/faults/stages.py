"""What each stage writes, and reading it whole."""

from pathlib import Path

OUTPUTS = {
    "render_scenes": ["data/scenes", "data/real_pairs"],
    "train_gan": ["data/generator"],
    "train_segmenter": ["data/segmenter"],
    "sample_images": ["data/samples"],
    "synthesize_captions": ["data/features", "data/speech", "data/annotations", "data/test_speech"],
    "pretrain_davenet": ["data/encoders/pretrain/hard"],
    "random_edits": ["data/encoders/random-edits/hard"],
    "cluster_units": ["data/clusters/hard"],
    "targeted_edits": ["data/encoders/targeted-edits/hard"],
    "evaluate": ["data/evaluation"],
    "report": ["data/report"],
}
WITH_MINING = {"pretrain_davenet", "random_edits", "cluster_units", "targeted_edits"}


def files(folder: Path) -> dict[str, bytes]:
    """The contents of a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
