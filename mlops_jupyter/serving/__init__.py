"""The model server: the ground floor of the house, and the ``src/`` of every package.

It imports nothing else of ours, and that only by relative names: a copy of this folder works by itself, under
any name. A request passes `predict_route` (bytes within their limit), `validation` (a batch, or every wrong
field), the variant that a `router` chose, its runtime, and `answers`; `app` documents all this. Nothing of it
can be changed over the serving port.
"""
