"""A page on a trained model that listens while one speaks (docs/explorer.md)."""
