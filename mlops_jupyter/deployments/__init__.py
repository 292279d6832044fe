"""Deployments on this machine: generations that go live, are rolled back, found again and ended."""
