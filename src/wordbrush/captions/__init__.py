"""Spoken descriptions: words for a scene, voices that speak them, features that the network hears."""
