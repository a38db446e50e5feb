"""`python -m registry`: see `registry.commands`."""

from registry.commands import app
from registry.console import run

__all__ = ["main"]


def main() -> None:
    """The program `vae-registry`."""
    run(app)


if __name__ == "__main__":
    main()
