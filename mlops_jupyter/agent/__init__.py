"""What goes on with no notebook open: one process for a workspace on a host."""
