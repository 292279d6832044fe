"""Tables of any kind, streamed into profiles; the files that profiles are kept in."""
