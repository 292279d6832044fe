"""The release, where every room can read it without importing the rooms above."""

__version__ = "0.1.0"
