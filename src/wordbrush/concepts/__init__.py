"""Concepts that the model discovers by itself: clusters of units that are active together (P §5.5)."""
