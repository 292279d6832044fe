"""Build the self-contained folder of a model: what it is, what it needs, how it answers, and the proof."""
