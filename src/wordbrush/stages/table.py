"""The table of stages: their names, what they do, and how they run.

Command line, components, node pools, pages and Makefile take the stages from here. dvc.yaml, which
defines what they read and write, has the same names and summaries; tests compare the two.
Nothing heavy is imported: the table is read before PyTorch is loaded.
"""

from dataclasses import dataclass

from wordbrush.params import GRAPHS, MININGS, Graph


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline."""

    name: str  # as on the command line and in dvc.yaml
    summary: str  # one line for a newcomer; dvc.yaml has it as `desc`
    per_mining: bool = False  # runs once for every negative mining
    resumes: bool = False  # keeps checkpoints, and continues from the last one
    parallel: bool = False  # may train in several processes
    graphs: tuple[Graph, ...] = GRAPHS  # of dvc.yaml, that it is in

    @property
    def identifier(self) -> str:
        """The name as Python has it: train-gan -> train_gan."""
        return self.name.replace("-", "_")

    @property
    def module(self) -> str:
        """The module whose `run` does the work."""
        return f"wordbrush.stages.{self.identifier}"

    @property
    def addresses(self) -> list[str]:
        """What dvc.yaml calls its runs: the name, or train@random and train@hard."""
        return [f"{self.name}@{mining}" for mining in MININGS] if self.per_mining else [self.name]


STAGES = (
    Stage(
        "render-scenes",
        "Render CLEVR scenes with masks, and pairs of pictures that differ in one attribute",
        resumes=True,
        graphs=("drawn",),
    ),
    Stage(
        "train-gan",
        "Train a progressive GAN until it draws such pictures from noise",
        resumes=True,
        parallel=True,
        graphs=("drawn", "redrawn"),
    ),
    Stage(
        "train-segmenter",
        "Train the network that finds objects and their four attributes in a picture",
        resumes=True,
        parallel=True,
        graphs=("drawn",),
    ),
    Stage(
        "sample-images",
        "Draw the pictures of the data set from random latents",
        resumes=True,
        graphs=("drawn",),
    ),
    Stage(
        "synthesize-captions",
        "Describe each picture in words, speak them with many voices, and compute features",
        resumes=True,
        graphs=("drawn",),
    ),
    Stage(
        "speak-edits",
        "Edit drawings so that other things are true of them, and speak these, if asked for",
        resumes=True,
        graphs=("drawn",),
    ),
    Stage(
        "train-senses",
        "Train three senses that share their upper layers, and measure them, if asked for",
        resumes=True,
        graphs=("drawn",),
    ),
    Stage(
        "import-collection",
        "Bring pictures and recordings of a collection into the form that training reads",
        graphs=("recorded", "redrawn"),
    ),
    Stage(
        "find-latents",
        "Find the latent from which the GAN draws each picture of a collection, as far as it can",
        resumes=True,
        graphs=("redrawn",),
    ),
    Stage(
        "pretrain-davenet",
        "Learn to match speech and pictures from the pairs alone",
        per_mining=True,
        resumes=True,
        parallel=True,
    ),
    Stage(
        "random-edits",
        "Continue training against pictures that were edited at random where they matter most",
        per_mining=True,
        resumes=True,
        parallel=True,
        graphs=("drawn", "redrawn"),
    ),
    Stage(
        "cluster-units",
        "Discover concepts as clusters of units, and the GAN units that draw them",
        per_mining=True,
    ),
    Stage(
        "targeted-edits",
        "Continue training against pictures in which one discovered concept was edited",
        per_mining=True,
        resumes=True,
        parallel=True,
        graphs=("drawn", "redrawn"),
    ),
    Stage("evaluate", "Measure the six methods as the paper does, with confidence intervals"),
    Stage("report", "Write one self-contained page of what was drawn, learned and measured"),
)
BY_NAME = {stage.name: stage for stage in STAGES}
# Tasks of scheduled runs that are no stages: dvc.yaml does not have them.
COMPARE = "compare"  # opens the run: has the remote all results of the same keys?
CHANGED, UNCHANGED = "changed", "unchanged"  # its answers
GATE = "promote"  # closes the run
