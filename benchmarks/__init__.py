"""What scripts/bench runs: measurements, never tests."""
