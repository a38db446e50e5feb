"""A folder of pictures: read, ranked in its own context, explained, shown on one page."""
