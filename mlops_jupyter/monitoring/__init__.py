"""What is watched: two windows found and compared. It finds out and takes no action."""
