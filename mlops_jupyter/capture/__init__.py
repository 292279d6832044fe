"""What servers captured: found and read, never changed. What was counted of it is kept beside."""
