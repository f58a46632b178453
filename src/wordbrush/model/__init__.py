"""A trained model as a small folder: weights, configuration, and cards for people; and reading it back."""
