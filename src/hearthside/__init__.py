"""Hearthside: one self-hosted backend for a household's, a lab's or a company's AI."""

__version__ = "0.1.0"
