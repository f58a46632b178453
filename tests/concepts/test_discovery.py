"""What cluster-units computes of the audio branch's geometry."""

from wordbrush.concepts.discovery import receptive_field


def test_receptive_field_by_hand(tiny):
    # tiny: width 1; width 5 and a pool; width 3 and a pool: 1 + 4 + 2, then 2·2 + 2·2
    assert receptive_field(tiny) == (4, 15)
