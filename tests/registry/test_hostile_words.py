"""Two hundred hostile command lines and two hundred hostile archives: one line, status 2, nothing changed; never a traceback."""

from __future__ import annotations

import io
import json
import random
import sys
import tarfile

import pytest
from typer.testing import CliRunner

from registry.bundle import export_bundle, import_bundle
from registry.commands import app
from registry.console import run
from registry.errors import RegistryError
from tests.registry.helpers import snapshot

WORDS = [
    "", " ", "tiny", "tiny@1", "tiny@²", "tiny@99999999999999999999", "tiny@champion@1", "@", "@champion", "..",
    "../..", "/etc/passwd", "a\nb", "\x1b[31mred", "ünïcödé", "x" * 300, "tiny\x07", "-1", "0", "1", "²", "1e999",
    "nan", "NaN", "inf", "99999999999999999999999", "recon <= 1.2.3", "mig >= ", "<= 3", "mig ! 3", "mig >= nan",
    "status = complete and", "error <= 1, , error >= 0", "con", "aux.txt", "=x", "k=", "k=v=w", "null", "[]", "{}",
    "sha256:", "sha256:" + "0" * 64, "sha256:" + "z" * 64, "*", "[", "[!", "%s%n", "$HOME", "~nobody",
]  # fmt: skip
COMMANDS = {
    "list": ["--where", "--sort", "--metrics", "--name", "--alias", "--study", "--dataset", "--tag"],
    "show": [],
    "promote": ["--expect"],
    "demote": ["--expect"],
    "annotate": ["--tag", "--description"],
    "history": [],
    "verify": ["--key"],
    "repair": [],
    "sign": ["--key"],
    "diff": [],
    "gc": ["--grace-hours", "--keep"],
    "export": ["--to"],
    "import": [
        "--name",
        "--encoder",
        "--decoder",
        "--range",
        "--pixels",
        "--latent-dim",
        "--image-shape",
        "--dataset",
        "--claim",
    ],
    "pull": [],
    "encode": ["--out", "--condition", "--threads", "--provider"],
}


def command_lines(count: int) -> list[list[str]]:
    rng = random.Random(0)
    lines = []
    for number in range(count):
        command = list(COMMANDS)[number % len(COMMANDS)]
        line = [command, *(rng.choice(WORDS) for _ in range(rng.randrange(4)))]
        for option in rng.sample(COMMANDS[command], rng.randrange(len(COMMANDS[command]) + 1)):
            line += [option, rng.choice(WORDS)]
        lines.append(line)
    return lines


def test_the_hostile_command_lines_are_of_all_commands_and_options():
    """A word after an option that does not exist never reaches the command."""
    known = {command.name or command.callback.__name__: command.callback for command in app.registered_commands}
    assert set(COMMANDS) == set(known)
    for command, options in COMMANDS.items():
        help_text = CliRunner().invoke(app, [command, "--help"], terminal_width=200).output
        assert all(f"{option} " in help_text for option in options), (command, options)


def test_two_hundred_hostile_command_lines(store, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("VAE_REGISTRY", str(store.root))
    monkeypatch.chdir(tmp_path)
    before = snapshot(store.root)
    refused = 0
    for line in command_lines(200):
        monkeypatch.setattr(sys, "argv", ["registry", *line])
        with pytest.raises(SystemExit) as ended:
            run(app)
        _, errors = capsys.readouterr()
        assert ended.value.code in (0, None, 1, 2), line
        assert "Traceback" not in errors and "\x1b[31mred" not in errors, line
        if ended.value.code == 2:
            refused += 1
            assert snapshot(store.root) == before, line
            assert errors.count("\n") == 1 or "Usage:" in errors, (line, errors)
        before = snapshot(store.root)
    assert refused > 100, "most of these words mean nothing"


def archives(original: bytes, count: int) -> list[bytes]:
    """Bytes flipped, cut and repeated; members renamed, linked, grown; a manifest with wrong types in every place."""
    rng = random.Random(1)
    kinds = [
        lambda: _flipped(original, rng),
        lambda: original[: rng.randrange(len(original))],
        lambda: rebuilt(original, lambda info, data: (_renamed(info, rng), data)),
        lambda: rebuilt(original, lambda info, data: (_typed(info, rng), data)),
        lambda: rebuilt(original, lambda info, data: (info, data * rng.randrange(4))),
        lambda: rebuilt(original, lambda info, data: (info, _garbled(data, rng) if info.name.endswith(".json") else data)),
        lambda: rebuilt(original, lambda info, data: (info, b"[" * 100_000 if info.name.endswith(".json") else data)),
        lambda: rng.randbytes(rng.randrange(4000)),
    ]
    return [kinds[number % len(kinds)]() for number in range(count)]


def _flipped(original: bytes, rng: random.Random) -> bytes:
    data = bytearray(original)
    for _ in range(rng.randrange(1, 20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def rebuilt(original: bytes, change) -> bytes:
    """The archive with each member as `change` gives it back."""
    target = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(original)) as old, tarfile.open(fileobj=target, mode="w") as new:
        for info in old:
            file = old.extractfile(info)
            info, data = change(info, file.read() if file else b"")
            info.size = len(data) if info.isreg() else 0
            new.addfile(info, io.BytesIO(data))
    return target.getvalue()


def _renamed(info: tarfile.TarInfo, rng: random.Random) -> tarfile.TarInfo:
    info.name = rng.choice(["/etc/passwd", "../out", "a/../../b", "x" * 3000, "nul\x01", info.name, "encoder.onnx", "é\udc80"])
    return info


def _typed(info: tarfile.TarInfo, rng: random.Random) -> tarfile.TarInfo:
    info.type = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
    info.linkname = "/etc/passwd"
    return info


def _garbled(data: bytes, rng: random.Random) -> bytes:
    """One value of the document replaced by one of another type."""
    document = json.loads(data)
    place = document
    while isinstance(place, dict) and place:
        key = rng.choice(list(place))
        if isinstance(place[key], dict) and place[key] and rng.random() < 0.7:
            place = place[key]
            continue
        place[key] = rng.choice([None, -1, 1e400, 10**400, "", [], {}, True, "x" * 100_000, [[[]]], "\ud800"])
        break
    return json.dumps(document).encode("utf-8", "surrogatepass")


def test_two_hundred_hostile_archives(published, store, tmp_path):
    export_bundle(published.resolve("tiny"), tmp_path / "good.tar")
    original = (tmp_path / "good.tar").read_bytes()
    before: dict[str, bytes] = snapshot(store.root)
    said: list[str] = []
    for number, data in enumerate(archives(original, 200)):
        (tmp_path / "bad.tar").write_bytes(data)
        try:
            import_bundle(store, tmp_path / "bad.tar", f"imported{number}")
        except RegistryError as problem:
            said.append(str(problem))
            assert snapshot(store.root) == before
        before = snapshot(store.root)
    assert [line for line in said if "\n" in line] == []
    assert len(said) > 150
    assert not (tmp_path.parent / "out").exists()
