"""Spoken descriptions: what is said of a picture, and the voices that say it."""
