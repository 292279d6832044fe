"""When a pipeline runs by itself."""
