"""DAVEnet: matching speech and picture through a matchmap (P §5.1; D)."""
