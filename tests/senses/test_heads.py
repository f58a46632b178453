"""Heads that compete for every frame, against their definition in plain loops."""

import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import paired_similarities, similarities
from wordbrush.senses.heads import HeadedEncoders, answered_together, by_head, head_of_frames


@pytest.fixture
def features() -> tuple[Encoded, Encoded]:
    """Three pictures of 2×2 cells and three utterances, with 6 channels."""
    rng = torch.Generator().manual_seed(0)
    seen, heard = torch.randn(3, 6, 2, 2, generator=rng), torch.randn(3, 6, 5, generator=rng)
    return Encoded(seen), Encoded(heard, torch.tensor([5, 3, 4]))


def best_of(seen: Encoded, heard: Encoded, picture: int, utterance: int, heads: int) -> list:
    """Of every frame that counts, its best head and that head's best product."""
    found = []
    for frame in range(int(heard.frame_counts[utterance])):
        vector = heard.features[utterance, :, frame].chunk(heads)
        parts = seen.features[picture].flatten(1).chunk(heads)
        best = [float((one @ part).max()) for one, part in zip(vector, parts, strict=True)]
        found.append((max(range(heads), key=best.__getitem__), max(best)))
    return found


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_a_frame_scores_by_its_best_head(features, heads):
    seen, heard = features
    parted = by_head(seen, heads)
    assert parted.features.shape == (3, 6, 2 * heads, 2)
    scores = similarities(parted, heard, "MISA")
    for picture in range(3):
        for utterance in range(3):
            products = [one for _, one in best_of(seen, heard, picture, utterance, heads)]
            expected = sum(products) / len(products)
            assert float(scores[picture, utterance]) == pytest.approx(expected, abs=1e-5)
    paired = paired_similarities(parted, heard, "MISA")
    torch.testing.assert_close(paired, scores.diagonal())
    taken = head_of_frames(parted, heard, heads)
    for row, length in enumerate((5, 3, 4)):
        expected_heads = [head for head, _ in best_of(seen, heard, row, row, heads)]
        assert taken[row, :length].tolist() == expected_heads
        assert (taken[row, length:] == -1).all()


@pytest.mark.parametrize("heads", [2, 3])
def test_heads_answer_together_where_all_of_them_answer(features, heads):
    seen, heard = features
    products = []
    for row, length in enumerate((5, 3, 4)):
        for frame in range(length):
            vector = heard.features[row, :, frame].chunk(heads)
            cells = seen.features[row].flatten(1).chunk(heads)
            answers = [one @ part for one, part in zip(vector, cells, strict=True)]
            products += [abs(float(torch.stack(answers)[:, cell].prod())) for cell in range(4)]
    found = answered_together(by_head(seen, heads), heard, heads)
    assert float(found) == pytest.approx(sum(products) / len(products), abs=1e-5)


def test_the_penalty_has_its_weight_and_one_head_has_none(features, tiny):
    seen, heard = features
    config = EncoderConfig.of(tiny.davenet, FeatureConfig.taken_from(tiny.captions))
    punished = HeadedEncoders(config, 2, 0.5).paired_loss(by_head(seen, 2), heard)
    torch.testing.assert_close(punished, 0.5 * answered_together(by_head(seen, 2), heard, 2))
    assert HeadedEncoders(config, 2).paired_loss(by_head(seen, 2), heard) is None
    assert HeadedEncoders(config, 1, 0.5).paired_loss(by_head(seen, 1), heard) is None


def test_one_head_is_no_head(features):
    seen, _ = features
    torch.testing.assert_close(by_head(seen, 1).features, seen.features)


def test_gradients_reach_the_channels_of_the_best_head_alone():
    features = torch.zeros(1, 4, 1, 1, requires_grad=True)
    heard = Encoded(torch.tensor([[[1.0], [1.0], [-1.0], [-1.0]]]), torch.tensor([1]))
    start = torch.tensor([1.0, 0.0, 1.0, 0.0])[None, :, None, None]
    seen = by_head(Encoded(features + start), 2)  # the first head's product is 1, the second's -1
    similarities(seen, heard, "MISA").sum().backward()
    assert features.grad is not None
    assert features.grad.flatten().tolist() == [1.0, 1.0, 0.0, 0.0]


def test_encoders_see_by_head_and_refuse_what_cannot_be_divided(tiny):
    config = EncoderConfig.of(tiny.davenet, FeatureConfig.taken_from(tiny.captions))
    encoders = HeadedEncoders(config, 2).eval()
    pictures = torch.rand(2, 3, 16, 16)
    cells = encoders.image(pictures).features
    seen = encoders.encode_images(pictures)
    assert seen.features.shape == (2, 16, 2 * cells.shape[2], cells.shape[3])
    torch.testing.assert_close(seen.features, by_head(Encoded(cells), 2).features)
    with pytest.raises(ValueError, match=r"16 channels .* 3 heads"):
        HeadedEncoders(config, 3)
    with pytest.raises(ValueError, match="MISA"):
        HeadedEncoders(config.model_copy(update={"similarity": "SISA"}), 2)
