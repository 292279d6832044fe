"""Pure NumPy and SciPy: mergeable profiles of columns, drift measures with their bounds, verdicts and words.

`edges` and `counting` make profiles, `profiles` holds and merges them, `comparing` compares two of them.
The definitions are those of the field; each module names its sources.
"""
