"""What the figures, the report and the notebooks read: studies as tidy tables."""
