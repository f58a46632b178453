"""The shape of metrics/senses.json."""

from typing import NotRequired

from typing_extensions import TypedDict

from wordbrush.evaluation.results import Estimate
from wordbrush.storage.validation import Natural

Cells = dict[str, Estimate]


class Aligned(TypedDict):
    """ranks: the median rank of each direction (retrieval.way). zero_shot: percent right of each
    cell (zero_shot.cell), by attribute and as `mean`. Both lack what a method cannot do."""

    ranks: Cells
    zero_shot: dict[str, Cells]


class SensesMetrics(TypedDict):
    """cases: pairs of the test among which each is found; 0 where senses.loss is none, and then
    there is nothing else. ours: of the trained network; baselines: by name. unheard: what a
    classifier can tell of colours that knows all that an impact tells; of impacts alone."""

    cases: Natural
    ours: NotRequired[Aligned]
    baselines: NotRequired[dict[str, Aligned]]
    unheard: NotRequired[Estimate]
