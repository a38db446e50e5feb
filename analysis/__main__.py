"""`vae-analysis COMMAND`, or `python -m analysis COMMAND`: understanding what was found.  See `registry.programs`."""

from registry import programs

__all__ = ["main"]


def main() -> None:
    """The program `vae-analysis`."""
    programs.main("analysis")


if __name__ == "__main__":
    main()
