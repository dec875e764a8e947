"""Dandelion: credit lines for the businesses banks cannot see."""

__version__ = "0.1.0"
