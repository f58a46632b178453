"""The world: CLEVR-like scenes, their pictures and masks, and the segmenter that reads pictures back."""
