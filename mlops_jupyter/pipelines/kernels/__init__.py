"""Kernels for steps: started ahead, forked from a warm process, and never shared."""
