"""The sections of `python -m analysis.report`: one file a part of the story, each a function that gives `Section`s."""
