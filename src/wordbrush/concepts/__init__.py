"""Concepts that the model discovers: clusters of units that are active together (P §5.5)."""
