"""`python -m registry`: see `registry.commands`."""

from registry.commands import app
from registry.console import run

if __name__ == "__main__":
    run(app)
