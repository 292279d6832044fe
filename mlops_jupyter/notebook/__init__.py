"""The notebook's face: the magic, completion, and cells run under tracking."""
