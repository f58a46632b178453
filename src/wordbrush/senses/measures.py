"""All that is measured of a network of three senses, and of its baselines."""

from collections.abc import Mapping

import numpy as np

from wordbrush.data.splits import TRAIN
from wordbrush.evaluation.results import Estimate
from wordbrush.senses.baselines import spaces_of
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import Sense
from wordbrush.senses.encoding import units_of
from wordbrush.senses.networks import Senses
from wordbrush.senses.results import Aligned, SensesMetrics
from wordbrush.senses.retrieval import median_ranks
from wordbrush.senses.zero_shot import Labelled, accuracies, answers, classifiers, zero_shot

UNHEARD = "color"  # the attribute that no impact tells
LEARNED, ASKED = "validation", "test"  # the splits that classifiers learn from, and are asked about


class Measures:
    """The tests of some cases. attributes: the columns of each one's values in `cases.things`."""

    def __init__(
        self, cases: Cases, attributes: Mapping[str, list[int]], resamples: int, seed: int
    ):
        self.cases, self.attributes = cases, attributes
        self.resamples, self.seed = resamples, seed
        self.learned, self.asked = cases.of(LEARNED), cases.of(ASKED)

    def of(self, network: Senses) -> Aligned:
        """Of a trained network."""
        return self.aligned(
            units_of(network, self.cases, self.learned), units_of(network, self.cases, self.asked)
        )

    def aligned(
        self, learned: Mapping[Sense, np.ndarray], asked: Mapping[Sense, np.ndarray]
    ) -> Aligned:
        """Of a space in which the cases of validation and test lie."""
        things = self.cases.things
        return {
            "ranks": median_ranks(asked, self.resamples, self.seed),
            "zero_shot": zero_shot(
                Labelled(learned, things[self.learned]),
                Labelled(asked, things[self.asked]),
                self.attributes,
                self.resamples,
                self.seed,
            ),
        }

    def baselines(self) -> dict[str, Aligned]:
        """Of linear regression and CCA."""
        spaces = spaces_of(self.cases, self.learned, self.asked)
        return {name: self.aligned(*two) for name, two in spaces.items()}

    def unheard(self) -> Estimate:
        """What a linear classifier reaches in telling colours that knows the number of objects, and
        how many have each other value: all of it can be heard in impacts, and no colour.

        It is a reference, and no bound: another classifier might tell more of the same. It learns
        from the cases of training, too: with few it may fall behind the number of objects alone.
        """
        counts, things = self.cases.counts, self.cases.things
        hidden = list(self.attributes[UNHEARD])
        objects = counts[:, hidden].sum(1)
        known = np.hstack([np.delete(counts, hidden, axis=1), np.eye(objects.max() + 1)[objects]])
        learned = np.concatenate([self.cases.of(TRAIN), self.learned])
        told = answers(classifiers(known[learned], things[learned]), known[self.asked])
        chosen = {UNHEARD: self.attributes[UNHEARD]}
        return accuracies(told, things[self.asked], chosen, self.resamples, self.seed)[UNHEARD]

    def all(self, network: Senses) -> SensesMetrics:
        """Of a network, and what it is compared with."""
        found: SensesMetrics = {
            "cases": len(self.asked),
            "ours": self.of(network),
            "baselines": self.baselines(),
        }
        if network.config.sound == "impacts":
            found["unheard"] = self.unheard()
        return found
