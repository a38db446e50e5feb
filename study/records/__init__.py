"""The study's folder and what is written there: record, outcomes, tables, winners, provenance."""
