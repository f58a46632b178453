"""The world: CLEVR-like scenes, their pictures and masks, and edits by the renderer."""
