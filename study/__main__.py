"""`vae-study COMMAND`, or `python -m study COMMAND`: the searches, recipes and publications.  See `registry.programs`."""

from registry import programs

__all__ = ["main"]


def main() -> None:
    """The program `vae-study`."""
    programs.main("study")


if __name__ == "__main__":
    main()
