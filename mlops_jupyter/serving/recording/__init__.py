"""What was asked and answered, kept for drift and feedback: written beside the answers, never before one.

A request leaves one plain tuple in a bounded backlog (`backlog`); a thread (`journal`) turns a thousand of
them at a time into Arrow columns (`entries`, `features`, `results`) named by `layout`, and appends those to
a stream in the deployment's folder (`streams`), which `retention` bounds. When there is no room, in memory or
on the disk, entries are dropped and counted: an answer never waits for its record. `feedback` keeps what
callers later say was right. Nothing here reads: that is the business of `mlops_jupyter.capture`.
"""
