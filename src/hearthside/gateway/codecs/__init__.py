"""Translations between the core's vocabulary and the wire: pure, one module for each protocol."""
