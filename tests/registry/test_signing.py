"""Signatures: made and checked by model-signing itself; whatever is not signed, or not as it was, is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
)

from registry.errors import RegistryError, UnsafeError
from registry.inference import load
from registry.signing import Signer, Verifier, unsigned
from tests.registry.helpers import PRIVATE, key_pair, publish, snapshot


@pytest.fixture
def ours(tmp_path):
    return key_pair(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path):
    return key_pair(tmp_path, "theirs", ec.SECP384R1())


def signature(store, number: int = 1, name: str = "tiny") -> Path:
    return next((store.root / "models" / name / "signatures" / str(number)).iterdir())


def test_a_signed_version_loads_with_the_key_and_only_with_it(store, ours, theirs):
    before = snapshot(store.root)
    Signer(ours[0]).sign(store, store.resolve("tiny"))
    assert {path: data for path, data in snapshot(store.root).items() if "signatures" not in path} == before
    assert list((store.root / "staging").iterdir()) == [] and store.verify() == []
    assert load("tiny", registry=store.root, key=ours[1]).signature.latent_dim == 3
    with pytest.raises(UnsafeError, match=r"must be signed by .*theirs\.pub, but it has no signature"):
        load("tiny", registry=store.root, key=theirs[1])
    with pytest.raises(UnsafeError, match="labelled@1 must be signed"):
        load("labelled", registry=store.root, key=ours[1])


def test_several_keys_may_sign_and_signing_again_is_no_change(store, ours, theirs):
    version = store.resolve("tiny")
    for secret, _ in (ours, theirs, ours):
        Signer(secret).sign(store, version)
    assert len(list(signature(store).parent.iterdir())) == 2
    assert unsigned(store, "tiny", ours[1]) == unsigned(store, "tiny", theirs[1]) == []


def test_model_signings_own_program_agrees(store, ours):
    place = Path(Signer(ours[0]).sign(store, store.resolve("tiny")))
    program = [sys.executable, "-m", "model_signing", "verify", "key", str(store.resolve("tiny").folder)]
    command = [*program, "--signature", str(place), "--public_key", str(ours[1])]
    assert subprocess.run(command, capture_output=True).returncode == 0
    (store.resolve("tiny").folder / "encoder.onnx").write_bytes(b"another")
    assert subprocess.run(command, capture_output=True).returncode != 0


def test_what_was_changed_after_signing_is_found(store, ours):
    """An attacker who can write everything except signatures: he makes the manifest and the record fit the other network."""
    Signer(ours[0]).sign(store, store.resolve("tiny"))
    for name in ("other", "tiny"):
        publish(store, name)
    one, forged = store.resolve("tiny", 1), store.resolve("other", 1)
    for file in ("encoder.onnx", "decoder.onnx", "card.md", "manifest.json"):
        shutil.copy(forged.folder / file, one.folder / file)
    from registry.disk import seal, sha256, unseal

    record = unseal(one.folder / "published") | {"manifest": sha256((one.folder / "manifest.json").read_bytes())}
    (one.folder / "published").write_bytes(seal(record))
    shutil.rmtree(one.folder / "pictures")
    shutil.copytree(forged.folder / "pictures", one.folder / "pictures")
    found = unsigned(store, "tiny@1", ours[1])
    assert [finding.version for finding in found] == [1] and "does not hold" in found[0].problem
    with pytest.raises(UnsafeError, match="does not hold"):
        load("tiny", 1, registry=store.root, key=ours[1])


def test_a_signature_is_of_one_version_only(store, ours):
    """Two versions of the same bytes: the signature of one does not serve the other, nor another model."""
    Signer(ours[0]).sign(store, store.resolve("tiny"))
    original = store.resolve("tiny")
    for name in ("tiny", "copy"):
        copy = store.publish_exactly(name, original.read(), original.manifest_bytes())
        target = store.root / "models" / name / "signatures" / str(copy.number)
        shutil.copytree(signature(store).parent, target)
        assert "does not hold" in unsigned(store, f"{name}@{copy.number}", ours[1])[0].problem


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"verificationMaterial": {}}', b"[" * 100_000])
def test_a_signature_that_is_none_is_refused(store, ours, content):
    place = Path(Signer(ours[0]).sign(store, store.resolve("tiny")))
    place.write_bytes(content)
    with pytest.raises(UnsafeError, match="does not hold"):
        Verifier(ours[1]).check(store, store.resolve("tiny"), store.resolve("tiny").read())


def test_every_part_of_a_signature_counts(store, ours, theirs):
    """A payload under another signature; a signature that names our key and was made by another."""
    version = store.resolve("tiny")
    place, other = (Path(Signer(secret).sign(store, version)) for secret, _ in (ours, theirs))
    bundle, foreign = json.loads(place.read_text()), json.loads(other.read_text())
    bundle["dsseEnvelope"] = foreign["dsseEnvelope"]
    place.write_text(json.dumps(bundle))
    assert "does not hold" in unsigned(store, "tiny", ours[1])[0].problem


def test_a_key_that_is_none_is_refused_and_nothing_is_changed(store, tmp_path, ours):
    curve, plain = ec.generate_private_key(ec.SECP256K1()), ec.generate_private_key(ec.SECP256R1())
    bad = {
        "text": b"not a key",
        "curve": curve.private_bytes(*PRIVATE, NoEncryption()),
        "locked": plain.private_bytes(*PRIVATE, BestAvailableEncryption(b"secret")),
        "rsa": rsa.generate_private_key(65537, 2048).private_bytes(*PRIVATE, NoEncryption()),
        "public": ours[1].read_bytes(),
    }
    before = snapshot(store.root)
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RegistryError, match="PEM file of an elliptic curve"):
            Signer(tmp_path / name)
    for kind in (Signer, Verifier):
        with pytest.raises(RegistryError, match=r"cannot read the key .*No such file"):
            kind(tmp_path / "missing")
    with pytest.raises(RegistryError, match="a public key must be a PEM"):
        Verifier(ours[0])
    assert snapshot(store.root) == before


def test_the_commands(cli, ours, theirs):
    assert cli("sign", "tiny", "--key", ours[0])[:2][1].startswith("tiny@1 is signed: ")
    assert cli("verify", "tiny", "--key", ours[1]) == (0, "all intact\n", "")
    status, out, _ = cli("verify", "--key", ours[1])
    assert status == 1 and out.startswith("labelled@1 must be signed by ")
    status, out, errors = cli("verify", "--key", ours[0])
    assert (status, out) == (2, "") and errors.count("\n") == 1
