"""gs://BUCKET/PREFIX: Google Cloud Storage.  Credentials: GOOGLE_APPLICATION_CREDENTIALS, or those of the machine."""

from __future__ import annotations

from registry.places._objects import Objects, check_obstore, client

__all__ = ["GUARANTEES", "open_place"]

GUARANTEES = "one winner a number by `x-goog-if-generation-match: 0`"


def open_place(url: str) -> Objects:
    """The place."""
    check_obstore()
    from obstore.store import GCSStore

    return client(url, GCSStore.from_url)
