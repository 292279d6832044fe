"""What goes on with no notebook open: one process for a workspace on a host.

`process` is the agent: its lease, its clock and its end. `work` names what it does, each kind at its own
pace; `schedules` is the first: it writes what came due (`due`), and starts a process for each (`attending`),
which does it (`kinds`), writes how it ended and calls the hook (`hooks`). Only rows of the store count, so
the agent can be killed at any point, and the next one goes on from there.
"""
