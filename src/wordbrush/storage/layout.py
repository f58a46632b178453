"""Where every artifact lives. dvc.yaml names the same paths; a test compares the two."""

from dataclasses import dataclass
from pathlib import Path

PARAMS = "params.yaml"


@dataclass(frozen=True)
class Layout:
    """Paths below one working directory."""

    root: Path = Path(".")

    @property
    def scenes(self) -> Path:
        """images.npy, instances.npy, attributes.npy, scenes.json"""
        return self.root / "data/scenes"

    @property
    def real_pairs(self) -> Path:
        """images.npy [M, 2, H, W, 3] (original, edited), pairs.json: real-image test, P §6.5;
        exchanges.npy, exchanges.json: pairs in which two objects exchanged one thing"""
        return self.root / "data/real_pairs"

    @property
    def generator(self) -> Path:
        """generator.safetensors, generator.json, grids.npy, grids.json"""
        return self.root / "data/generator"

    @property
    def segmenter(self) -> Path:
        """segmenter.safetensors, segmenter.json"""
        return self.root / "data/segmenter"

    @property
    def samples(self) -> Path:
        """images.npy; latents.npy of drawings; collection.json where a collection gave them"""
        return self.root / "data/samples"

    @property
    def latents(self) -> Path:
        """latents.npy: what the generator draws most like each picture of a collection from"""
        return self.root / "data/latents"

    @property
    def features(self) -> Path:
        """frames.npy, offsets.npy, features.json: spoken captions for training, in sample order"""
        return self.root / "data/features"

    @property
    def speech(self) -> Path:
        """Parquet shards of sound with text and word timings, for people, evaluation and
        train-senses"""
        return self.root / "data/speech"

    @property
    def annotations(self) -> Path:
        """parses.parquet: what the segmenter sees in each sample, for evaluation, speak-edits
        and train-senses"""
        return self.root / "data/annotations"

    @property
    def twins(self) -> Path:
        """images.npy, twins.parquet, features/: edited drawings and features of their captions,
        which stand in training beside the drawings; without any, twins.parquet alone"""
        return self.root / "data/twins"

    @property
    def twin_speech(self) -> Path:
        """Parquet shards as in `speech`, of the twins' captions, for people only"""
        return self.root / "data/twin_speech"

    @property
    def senses(self) -> Path:
        """senses.safetensors, senses.json, curve.csv, units.json, sounds/; impacts/: features, if
        objects are struck. Where senses.loss is none, units.json alone"""
        return self.root / "data/senses"

    @property
    def test_speech(self) -> Path:
        """words/, real_pairs/, composition/: spoken words and captions for the tests, as features;
        groups/GROUP/ENGINE/: both, by each engine of each group of voices (params.GROUPS)"""
        return self.root / "data/test_speech"

    def encoders(self, stage: str, mining: str) -> Path:
        """encoders.safetensors, encoders.json of `pretrain`, `random-edits` or `targeted-edits`"""
        return self.root / f"data/encoders/{stage}/{mining}"

    def clusters(self, mining: str) -> Path:
        """members.npy, scale.npy, ranks.npy, clusters.json: a ConceptSet"""
        return self.root / f"data/clusters/{mining}"

    @property
    def evaluation(self) -> Path:
        """What the report shows: edits, retrievals, matchmaps; concepts.json: what units mean;
        engines.json: how engines of speech are understood, where there are groups of voices;
        composition.json: what is heard of composition; units.json: which words codes detect;
        languages.json: words and their translations"""
        return self.root / "data/evaluation"

    @property
    def report(self) -> Path:
        return self.root / "data/report"

    def metrics(self, name: str) -> Path:
        return self.root / f"metrics/{name}.json"

    def plots(self, name: str) -> Path:
        return self.root / f"plots/{name}.csv"
