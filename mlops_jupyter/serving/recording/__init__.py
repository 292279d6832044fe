"""What was asked and answered, kept for drift and feedback: written beside the answers, never before one.

A request leaves one plain tuple, packed to bytes where it is ordinary (`packing`), in a bounded `backlog`; a
thread (`journal`) turns some thousand of them at a time into Arrow columns (`entries`, `features`, `results`,
`arrays`) named by `layout`, and appends those to a stream in the deployment's folder (`streams`), which
`retention` bounds. So rows of one file are nearly, not strictly, in the order of their time. When there is no
room, in memory or on the disk, entries are dropped and counted: an answer never waits for its record.
`feedback` keeps what callers later say was right. Nothing here reads: that is the business of
`mlops_jupyter.capture`.
"""
