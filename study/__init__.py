"""Data × space × metrics: everything between a configuration and a published model.  `python -m study.run --help`."""
