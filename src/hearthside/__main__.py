"""`python -m hearthside`."""

from hearthside.cli import app

app()
