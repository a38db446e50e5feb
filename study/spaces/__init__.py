"""One file a space.  `study.space` says what it holds; `python -m study.run --list` shows them."""
