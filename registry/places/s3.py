"""s3://BUCKET/PREFIX: Amazon S3, and servers that speak like it.

Credentials, region and endpoint as AWS programs take them from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, a role of the machine or of the pod.
"""

from __future__ import annotations

import os

from registry.places._objects import Objects, check_obstore, client

__all__ = ["GUARANTEES", "open_place"]

GUARANTEES = "one winner a number by `If-None-Match: *`; a server that ignores it is refused"


def open_place(url: str) -> Objects:
    """The place."""
    check_obstore()
    from obstore.store import S3Store

    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return client(url, S3Store.from_url, client_options={"allow_http": plain})
