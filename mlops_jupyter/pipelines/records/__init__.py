"""What is remembered of runs, and what of it still holds: fingerprints, reasons, records."""
