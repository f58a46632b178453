"""All augmentations in the order in which they happen: speaker, room, microphone, and masks."""

import math

import torch
from torch import Tensor

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.augmentation import channel, rooms, voices
from wordbrush.davenet.augmentation.draws import Draws
from wordbrush.davenet.augmentation.masks import cover, hidden
from wordbrush.davenet.augmentation.power import gain, to_features, to_power
from wordbrush.davenet.augmentation.tempo import change_tempo
from wordbrush.davenet.encoded import valid_frames
from wordbrush.params import Augmentation
from wordbrush.training.compute import device, random_numbers

SHORTEST_REVERBERATION = 0.1  # seconds: a furnished room
TAIL_DB = 0.0, 15.0  # direct to reverberant: far across a room, to near the microphone
BEST_SNR_DB = 30.0  # what a quiet room has
COLOUR_DB, COLOUR_KNOTS = 8.0, 4  # of noise: the deviation of a smooth curve
EQUALISER_KNOTS = 6
MASKED_SHARE = 0.2  # of an utterance, at most, a time mask takes
STREAM = 1 << 40  # seeds of its own, apart from those of a training's other random numbers


class Augmenter:
    """Varies features that were made with `config`, as `options` say.

    rng: what is drawn next; its state is all that changes. Each option is the most that is drawn;
    what is 0 is left out. All is computed for a whole batch at once, on the device.
    """

    def __init__(self, options: Augmentation, config: FeatureConfig, seed: int):
        self.options, self.config = options, config
        self.rng = random_numbers(STREAM + seed)
        self.noise = rooms.NoiseSource(config, STREAM + seed, device())
        self.telephone = channel.telephone(config).to(device())

    @torch.no_grad()
    def __call__(
        self, features: Tensor, lengths: Tensor, strength: float | Tensor = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Features [N, bands, T] and lengths [N], varied; what is behind the new lengths is 0.

        strength: 0 to 1, a factor of all that is drawn, shares of utterances included.
        """
        draws = Draws(self.rng, len(features), strength)
        frames = features.transpose(1, 2)  # as loaders and encoders have them in memory
        if self.options.tempo:
            reach = math.log1p(self.options.tempo)
            frames, lengths = change_tempo(frames, lengths, draws.around_zero(reach).exp())
        frames = self.record(self.speak(frames, draws), draws)
        valid = valid_frames(lengths, frames.shape[1])[..., None]
        return (self.mask(frames * valid, lengths, draws) * valid).transpose(1, 2), lengths

    def speak(self, frames: Tensor, draws: Draws) -> Tensor:
        """By other vocal tracts, with other formants."""
        options, matrices = self.options, []
        if options.vocal_tract:
            factors = 1 + draws.around_zero(options.vocal_tract)
            matrices.append(voices.warp_matrix(factors, self.config))
        if options.formants:
            amounts = draws.around_zero(options.formants)
            matrices.append(voices.smoothing_matrix(amounts, self.config.bands))
        if not matrices:
            return frames
        matrix = matrices[0] if len(matrices) == 1 else matrices[1] @ matrices[0]
        return (frames @ matrix.mT).clamp_(min=0)

    def record(self, frames: Tensor, draws: Draws) -> Tensor:
        """In rooms and by recorders, as power: there, filters are factors."""
        options = self.options
        steps = (
            (options.harmonics_db, self.ripple),
            (options.rooms, self.reverberate),
            (options.noise, self.add_noise),
            (options.equaliser_db + options.tilt_db + options.telephone, self.filter),
            (options.level_db, self.change_level),
            (options.compression + options.clipping_db, self.limit),
        )
        used = [step for amount, step in steps if amount]
        if not used:
            return frames
        power = to_power(frames, self.config.range_db)
        for step in used:
            power = step(power, draws)
        return to_features(power, self.config.range_db)

    def ripple(self, power: Tensor, draws: Draws) -> Tensor:
        """As if harmonics lay elsewhere."""
        pitches, phases = draws.between(*voices.PITCHES), draws.between(0, 2 * math.pi)
        amounts = draws.up_to(self.options.harmonics_db)[:, None]
        return power.mul_(gain(amounts * voices.harmonics(pitches, phases, self.config))[:, None])

    def reverberate(self, power: Tensor, draws: Draws) -> Tensor:
        """In a room with a tail."""
        longest = self.options.reverberation_seconds
        seconds = draws.between(SHORTEST_REVERBERATION, longest)
        ratios = gain(draws.between(*TAIL_DB)) / draws.chosen(self.options.rooms)
        return rooms.reverberate(power, seconds, ratios, longest, self.config.hop_ms)

    def add_noise(self, power: Tensor, draws: Draws) -> Tensor:
        """With noise of some colour."""
        colours = draws.normal(COLOUR_DB, COLOUR_KNOTS)
        colours = gain(channel.smooth_curve(colours, self.config.bands))
        ratios = gain(draws.between(self.options.noise_snr_db, BEST_SNR_DB))
        ratios = ratios / draws.chosen(self.options.noise)
        noise = self.noise.frames(draws.whole_numbers(len(self.noise.power)), power.shape[1])
        levels = rooms.noise_levels(power, colours, ratios, self.noise.means)
        return power.addcmul_(noise, levels[:, None])

    def filter(self, power: Tensor, draws: Draws) -> Tensor:
        """By some microphone, or through a telephone."""
        options, bands = self.options, self.config.bands
        knots = draws.normal(options.equaliser_db, EQUALISER_KNOTS, grows=True)
        curve = channel.smooth_curve(knots, bands)
        curve = curve + channel.tilt(draws.around_zero(options.tilt_db), bands)
        curve = curve + draws.chosen(options.telephone)[:, None] * self.telephone
        return power.mul_(gain(curve)[:, None])

    def change_level(self, power: Tensor, draws: Draws) -> Tensor:
        """Louder or softer."""
        return power.mul_(gain(draws.around_zero(self.options.level_db))[:, None, None])

    def limit(self, power: Tensor, draws: Draws) -> Tensor:
        """By a recorder that evens levels out, and whose limit is too low."""
        levels = power.sum(2)
        factors = channel.compression(levels, draws.up_to(self.options.compression))
        kept, distortion = channel.clipping(levels * factors, draws.up_to(self.options.clipping_db))
        return power.mul_((factors * kept)[..., None]).add_(
            distortion[..., None] / self.config.bands
        )

    def mask(self, frames: Tensor, lengths: Tensor, draws: Draws) -> Tensor:
        """With some bands and some time hidden."""
        options, (width, bands) = self.options, frames.shape[1:]
        if options.time_masks:
            longest = (lengths * MASKED_SHARE).clamp(
                max=1000 * options.time_mask_seconds / self.config.hop_ms
            )
            starts, widths = draws.stretches(options.time_masks, longest, lengths)
            frames = cover(frames, lengths, hidden(starts, widths, width)[..., None])
        if options.band_masks:
            most = torch.full_like(lengths, bands)
            widest = torch.full_like(lengths, options.band_mask_width)
            starts, widths = draws.stretches(options.band_masks, widest, most)
            frames = cover(frames, lengths, hidden(starts, widths, bands)[:, None])
        return frames
