"""What servers captured: found and read, never changed."""
