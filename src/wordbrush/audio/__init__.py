"""Sound and its features. Knows no captions."""
