"""The store at an address: a folder, gs://bucket/prefix, s3://bucket/prefix, az://container/prefix."""

from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.storage.buckets import BucketStore, bucket_and_name
from wordbrush.storage.cloud import SCHEMES, ObstoreStore
from wordbrush.storage.folders import FolderStore
from wordbrush.storage.objects import PATIENCE, Store
from wordbrush.storage.paths import given_address


def open_store(address: str, patience: float = PATIENCE) -> Store:
    """Open the store at `address`; nothing is read or written yet.

    patience: seconds for which a bucket in trouble is asked again.
    Raises WordbrushError where the address is of another kind or names no bucket.
    """
    address = given_address(address)
    if address.startswith("gs://"):
        return BucketStore(*bucket_and_name(address), patience)
    if address.startswith(SCHEMES):
        return ObstoreStore(address, patience)
    if "://" in address:
        raise WordbrushError(
            f"{address!r} is neither a folder nor gs://bucket/prefix, s3://bucket/prefix or "
            "az://container/prefix."
        )
    return FolderStore(Path(address))
