"""Signatures of versions by a key pair, with `model-signing` (extra `signing`); nothing leaves this machine.

    models/NAME/signatures/7/KEY.sig    beside version 7; KEY: the first 16 digits of the public key's sha256

A signature covers every file of the version's folder, `published` included, which says the model's name and number: neither a
changed file nor another version under this number passes.  It is a Sigstore bundle, so the other tool reads it as well:
`model_signing verify key models/NAME/versions/7 --signature … --public_key PUB`.  Aliases move and are not signed.

Keys are PEM files of an elliptic curve: `openssl ecparam -genkey -name prime256v1 -noout -out KEY`, then
`openssl ec -in KEY -pubout -out PUB`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from registry.errors import DamagedError, RegistryError, UnsafeError
from registry.maintenance import Finding
from registry.names import parse_reference
from registry.store import Store
from registry.version import MANIFEST, PUBLISHED, Version

__all__ = ["Signer", "Verifier", "unsigned"]


class Signer:
    """Signs with the private key in the file `key`.  Raises `RegistryError` when it is none, before anything is done."""

    def __init__(self, key: Path) -> None:
        self._configuration = _model_signing().signing.Config()
        self._name = _opened(key, "private", lambda: self._configuration.use_elliptic_key_signer(private_key=key))

    def sign(self, store: Store, version: Version) -> str:
        """Put the signature beside the version, all or nothing, over an earlier one of the same key; says where."""
        with _folders(_files(version, version.read())) as (folder, beside):
            self._configuration.sign(folder, beside)
            return store.keep_signature(version, self._name, beside.read_bytes())


class Verifier:
    """Checks against the public key in the file `key`.  Raises `RegistryError` when it is none."""

    def __init__(self, key: Path) -> None:
        verifying, self._key = _model_signing().verifying, key
        self._opened: Callable[[], Any] = lambda: verifying.Config().use_elliptic_key_verifier(public_key=key)
        self._name = _opened(key, "public", self._opened)

    def check(self, store: Store, version: Version, files: Mapping[str, bytes]) -> None:
        """Raises `UnsafeError` unless the key's signature is there and holds for `files`, the version's as they were read."""
        signature = store.signature(version, self._name)
        if signature is None:
            raise UnsafeError(f"{version} must be signed by {self._key}, but it has no signature {self._name}")
        with _folders(_files(version, files)) as (folder, beside):
            beside.write_bytes(signature)
            try:
                self._opened().verify(folder, beside)
            except Exception as error:  # of a dozen unrelated types, InvalidSignature without a text among them
                why = " ".join(str(error).split())[:300] or "it is not this key's"
                raise UnsafeError(f"{version} must be signed by {self._key}, but its signature does not hold: {why}") from None


def unsigned(store: Store, reference: str | None, key: Path) -> list[Finding]:
    """One finding for each version that `key` has not signed, of the whole store, a model (a plain name) or one version.

    Versions that are damaged are left to `Store.verify`.
    """
    verifier, findings = Verifier(key), []
    for name, number in _meant(store, reference):
        try:
            version = store.resolve(name, number)
            verifier.check(store, version, version.read())
        except UnsafeError as error:
            findings.append(Finding(name, number, str(error)))
        except DamagedError:
            continue
    return findings


def _meant(store: Store, reference: str | None) -> list[tuple[str, int]]:
    if reference is not None and parse_reference(reference)[1:] != (None, None, None):
        version = store.resolve(reference)
        return [(version.name, version.number)]
    names = store.names() if reference is None else [reference]
    return [(name, number) for name in names for number in store.numbers(name)]


def _model_signing() -> Any:
    if find_spec("model_signing") is None:
        raise RegistryError("signatures need the extra 'signing': pip install 'vae-study[signing]'")
    import model_signing

    return model_signing


def _opened(key: Path, kind: str, use: Callable[[], object]) -> str:
    """Give the key to model-signing; returns its signatures' name: what model-signing calls it in its bundles, shortened."""
    from cryptography.hazmat.primitives import serialization

    try:
        data = key.read_bytes()
        public = (
            serialization.load_pem_private_key(data, None).public_key()
            if kind == "private"
            else serialization.load_pem_public_key(data)
        )
        use()
    except OSError as error:
        raise RegistryError(f"cannot read the key {key}: {error.strerror or error}") from None
    except Exception as error:  # whatever cryptography raises of a file that is no key, has a password, is of another kind
        rule = f"a {kind} key must be a PEM file of an elliptic curve (P-256, P-384, P-521) without a password"
        raise RegistryError(f"{rule}, but {key} is not: {' '.join(str(error).split())[:200]}") from None
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return f"{hashlib.sha256(public.public_bytes(*form)).hexdigest()[:16]}.sig"


def _files(version: Version, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is signed: all that the version's folder holds."""
    return {**files, MANIFEST: version.manifest_bytes(), PUBLISHED: (version.folder / PUBLISHED).read_bytes()}


@contextmanager
def _folders(files: Mapping[str, bytes]) -> Iterator[tuple[Path, Path]]:
    """A folder of these files, for model-signing reads folders, and the path of a signature beside it.

    What is checked must be the very bytes that are used, whatever happens to the store's.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "version"
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        yield folder, Path(place) / "signature"
