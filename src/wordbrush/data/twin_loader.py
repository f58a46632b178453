"""Batches in which drawings stand beside their twins."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images
from wordbrush.data.loader import BatchPlan, Loader, PairBatch
from wordbrush.data.pairs import Pairs
from wordbrush.data.twins import NO_RIVAL, TwinPairs
from wordbrush.errors import WordbrushError


@dataclass(frozen=True)
class TwinPlan:
    """How many drawings of each whole batch have their twin beside them, and this process' part."""

    pairs: int
    part: slice


def twin_rows(size: int, pairs: int) -> tuple[Tensor, Tensor]:
    """The rows of a whole batch of this size that are drawings with twins, and their twins: int64
    [P] each."""
    rows = torch.arange(size).view(pairs, -1)
    return rows[:, -2], rows[:, -1]


def woven(pairs: int, *blocks: Tensor) -> Tensor:
    """Rows of several kinds, each [pairs·k, …], in turn: k of each, again and again.

    So the parts of several processes, one behind the other, are the rows of one process.
    """
    return torch.cat([one.view(pairs, -1, *one.shape[1:]) for one in blocks], 1).flatten(0, 1)


class TwinLoader(Loader):
    """A Loader's batches, with P drawings and their twins among the rows (`twin_rows`).

    These drawings take turns of their own, and each time with another twin; where it has a rival,
    that stands there in the drawing's place. Captions of drawings, which the batch may have
    already, and those of twins are whole: a piece may fit both pictures. The pictures are not
    mirrored.
    """

    def __init__(
        self, pairs: Pairs, captions: np.ndarray, plan: BatchPlan, twin_plan: TwinPlan, seed: int
    ):
        """plan: of the batch without these rows, of which it has a multiple. Raises WordbrushError
        where a batch would take more drawings than have twins."""
        assert pairs.twins is not None, "there are no twins"
        self.twins: TwinPairs = pairs.twins
        self.twin_plan = twin_plan
        with_twins = np.isin(pairs.manifest.images[captions], self.twins.drawings)
        self.drawings = captions[with_twins]
        if len(self.drawings) < twin_plan.pairs:
            raise WordbrushError(
                f"{len(self.drawings)} drawings have twins, and twins.pairs_a_batch asks for "
                f"{twin_plan.pairs}: lower it, or raise twins.drawings."
            )
        self._beside, self._turn = captions[:0], -1
        super().__init__(pairs, captions, plan, seed)
        self.rows = self.size + 2 * twin_plan.pairs

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.close()
        self._beside, self._turn = state["beside"], state["turn"]
        super().load_state_dict(state)

    def _now(self) -> dict[str, Any]:
        return {**super()._now(), "beside": self._beside, "turn": self._turn}

    def _make(self) -> PairBatch:
        batch = super()._make()
        manifest, part = self.pairs.manifest, self.twin_plan.part
        chosen, twins = self._next_pairs()
        rivals = self.twins.rivals[twins]
        behind = len(self.pairs.images)  # the numbers of twins as pictures begin there
        pictures = np.where(rivals == NO_RIVAL, manifest.images[chosen], behind + rivals)

        def of_all(*columns: np.ndarray) -> np.ndarray:
            return woven(self.twin_plan.pairs, *map(torch.from_numpy, columns)).numpy()

        own, other = chosen[part], twins[part]
        shown = [self._shown(own, rivals[part]), self.twins.images[other]]
        width = self._width(chosen, np.append(twins, rivals), batch.features.shape[2])
        heard = [
            (batch.features, batch.lengths),
            self._told(own, rivals[part]),
            self.twins.speech.batch(other),
        ]
        padded = [F.pad(features, (0, width - features.shape[2])) for features, _ in heard]
        here = partial(woven, len(own))
        seen = of_all(manifest.images[batch.captions], pictures, behind + twins)
        return replace(
            batch,
            captions=of_all(batch.captions, chosen, chosen),
            positives=torch.from_numpy(seen[:, None] == seen[None]),
            pictures=seen[self._own_rows],
            images=here(batch.images, *map(to_images, shown)),
            features=here(*padded),
            lengths=here(*(lengths for _, lengths in heard)),
            certainty=torch.from_numpy(self.twins.certainty[twins]),
        )

    def _next_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The captions of drawings [P] whose turn it is, and the numbers of their twins [P]."""
        if len(self._beside) < self.twin_plan.pairs:
            self._beside, self._turn = self._rng.permutation(self.drawings), self._turn + 1
        chosen, self._beside = np.split(self._beside, [self.twin_plan.pairs])
        return chosen, self.twins.of(self.pairs.manifest.images[chosen], self._turn)

    def _shown(self, captions: np.ndarray, rivals: np.ndarray) -> np.ndarray:
        """The pictures that captions [P] tell of; where a twin has a rival, that one's."""
        shown, rival = self.pairs.images[self.pairs.manifest.images[captions]], rivals != NO_RIVAL
        shown[rival] = self.twins.images[rivals[rival]]
        return shown

    def _told(self, captions: np.ndarray, rivals: np.ndarray) -> tuple[Tensor, Tensor]:
        """What is said of them: features and lengths as of `FeatureStore.batch`."""
        features, lengths = self.pairs.speech.batch(captions)
        rival = rivals != NO_RIVAL
        if rival.any():
            others, counts = self.twins.speech.batch(rivals[rival], features.shape[2])
            features = F.pad(features, (0, others.shape[2] - features.shape[2]))
            features[rival], lengths[rival] = others, counts
        return features, lengths

    @property
    def _own_rows(self) -> slice:
        """This process' part of the whole batch."""
        each, part = self.rows // self.twin_plan.pairs, self.twin_plan.part
        return slice(each * part.start, each * part.stop)

    def _width(self, chosen: np.ndarray, twins: np.ndarray, least: int) -> int:
        """Frames of the longest row of the whole batch, which is as wide in every process."""
        twins = twins[twins != NO_RIVAL]
        lengths = self.pairs.speech.lengths[chosen], self.twins.speech.lengths[twins]
        return max(least, *(int(some.max()) for some in lengths))
