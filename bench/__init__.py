"""Benchmarks of Hearthside that anyone can run: `make bench`. bench/README.md says what the figures mean."""
