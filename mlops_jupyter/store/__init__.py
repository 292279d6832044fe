"""The state of a workspace: settings, versions and aliases as last seen, locks, and the audit chain."""
