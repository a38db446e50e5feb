"""The command line: every command, its JSON, its exit status, and one line for whatever a person gets wrong."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import typer.main
from PIL import Image

from registry import load
from registry.bundle import publish_copy
from registry.commands import app
from tests.registry.helpers import FILES, LINEAGE, images, manifest, publish, snapshot

COMMANDS = [
    "list",
    "show",
    "promote",
    "demote",
    "annotate",
    "history",
    "verify",
    "repair",
    "sign",
    "diff",
    "gc",
    "export",
    "import",
    "pull",
    "encode",
]


def test_list_as_json_is_what_scripts_rely_on(cli, store):
    store.set_alias("tiny", 1, "champion")
    status, out, _ = cli("list", "--json")
    rows = json.loads(out)
    assert status == 0 and [(row["name"], row["version"], row["aliases"]) for row in rows] == [
        ("labelled", 1, []),
        ("tiny", 1, ["champion"]),
    ]
    assert all(set(row["metrics"]) == {"error"} and isinstance(row["metrics"]["error"], float) for row in rows)


def test_list_filters(cli, store):
    publish(store, "prepared")
    store.set_alias("tiny", 1, "champion")

    def names(*arguments):
        return [row["name"] for row in json.loads(cli("list", "--json", *arguments)[1])]

    assert names() == ["labelled", "prepared", "tiny"]
    assert names("--name", "t*") == ["tiny"] and names("--alias", "champion") == ["tiny"]
    assert names("--study", "tiny") == ["labelled", "prepared", "tiny"] and names("--study", "other") == []
    assert names("--dataset", "noise", "--name", "[lp]*") == ["labelled", "prepared"]


def test_list_sorts_by_any_metric_and_puts_missing_ones_last(cli, store):
    for mig in (0.2, 0.9, 0.4):
        publish(store, "prepared", mig)

    def migs(*arguments):
        return [row["metrics"].get("mig") for row in json.loads(cli("list", "--json", "--sort", "mig", *arguments)[1])]

    assert migs() == [0.9, 0.4, 0.2, None, None]
    assert migs("--ascending") == [0.2, 0.4, 0.9, None, None]
    status, _, errors = cli("list", "--sort", "beauty")
    assert status == 2 and "choose one of name, version, created" in errors and errors.count("\n") == 1


def test_what_others_claim_does_not_head_the_list(cli, store, tmp_path):
    """Whoever exports a model writes its metrics; an import is checked for harm, not for truth."""
    boast = json.loads(store.resolve("tiny").manifest_bytes()) | {"metrics": {"error": 9.0}}
    files = store.resolve("tiny").read()
    theirs = publish_copy(store, "theirs", json.dumps(boast).encode(), files)
    assert theirs.claimed and not store.resolve("tiny").claimed and store.verify() == []

    def order(*arguments):
        return [row["name"] for row in json.loads(cli("list", "--json", "--sort", *arguments)[1])]

    assert sorted(order("error")[:2]) == ["labelled", "tiny"] and order("error")[2] == "theirs"
    assert order("error", "--ascending")[2] == "theirs" and order("name")[0] == "tiny"
    assert "theirs@1 (claimed)" in cli("list")[1] and cli("list")[1].count("(claimed)") == 1
    assert "claimed by whoever made it" in cli("show", "theirs")[1] and "claimed" not in cli("show", "tiny")[1]
    again = publish_copy(store, "theirs", json.dumps(boast).encode(), files)
    assert again.number == 1 and store.numbers("theirs") == [1]


def test_list_as_a_table_for_people(cli):
    status, out, _ = cli("list")
    assert status == 0 and "labelled" in out and "noise" in out and "error" in out


def test_list_shows_what_was_searched_and_the_rest_on_request(cli, store):
    described = manifest().model_copy(update={"metrics": {"mig": 0.051462, "test_mig": 0.05, "kl": 9.0, "recon": 112.84}})
    store.publish("searched", FILES, described)
    printed = cli("list", "--name", "searched")[1].splitlines()
    header, row = (line.split() for line in printed if line.strip().startswith(("model", "searched")))
    assert header == ["model", "aliases", "data", "budget", "n", "mig", "published"] and "0.0515" in row
    assert "recon" in cli("list", "--name", "searched", "--metrics", "kl,recon")[1].split()
    status, _, errors = cli("list", "--metrics", "beauty")
    assert status == 2 and "unknown metric 'beauty'" in errors and errors.count("\n") == 1


def test_list_is_readable_at_80_columns_with_29_metrics(store):
    """On a real terminal of that width: no line is longer, no name and no number is cut."""
    metrics = {f"a_metric_with_a_long_name_{number}": 0.5 + number for number in range(29)}
    store.publish("m" * 40, FILES, manifest().model_copy(update={"metrics": metrics}))
    command = f"stty cols 80; {sys.executable} -m registry list --metrics all --name 'm*' --registry {store.root}"
    printed = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, check=True).stdout
    lines = re.sub(r"\x1b\[[\d;]*m", "", printed).splitlines()
    assert lines[0] == "m" * 40 + "@1" and max(map(len, lines)) <= 80 and len(lines) < 20
    assert all(f"{name}\N{NO-BREAK SPACE}{value:.3g}" in printed for name, value in metrics.items())


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("mig >= 0.4", ["b", "a"]),
        ("mig >= 0.4 and mig<0.9", ["a"]),
        ("mig > 0, dataset == noise, seeds <= 1", ["c", "b", "a"]),
        ("status == stopped", ["c"]),
        ("status != stopped and mig > 0", []),
        ("beauty > 3", []),
    ],
)
def test_list_where(cli, store, where, names):
    for name, mig in (("a", 0.4), ("b", 0.9), ("c", 0.2)):
        publish(store, name, mig)
    store.annotate(store.resolve("c"), tags={"status": "stopped"})
    found = [row["name"] for row in json.loads(cli("list", "--json", "--sort", "name", "--where", where)[1])]
    assert found == names
    assert [row["name"] for row in json.loads(cli("list", "--json", "--tag", "status=stopped")[1])] == ["c"]


def test_a_condition_on_what_no_version_has_is_told(cli, store):
    publish(store, "a", 0.4)
    assert cli("list", "--where", "mgi >= 0.2")[2] == "warning: no version has 'mgi'; did you mean mig?\n"
    assert cli("list", "--where", "mig >= 0.9")[2] == ""


@pytest.mark.parametrize(
    ("where", "rule"),
    [
        ("recon <= 1.2.3", "recon <= needs a number, but got '1.2.3'"),
        ("recon", "a condition reads like"),
        ("recon <= ²", "needs a number"),
        ("recon <= nan", "needs a number"),
        ("recon <= 1e999", "needs a number"),
        ("recon <=", "a condition reads like"),
        ("", "a condition reads like"),
        ("a > 1 and", "a condition reads like"),
        ("a > 1; b", "a condition reads like"),
        ("x" * 5000, "at most 1000 characters"),
        ("__import__('os') > 1", "a condition reads like"),
    ],
)
def test_a_condition_that_cannot_be_read(cli, where, rule):
    status, out, errors = cli("list", "--where", where)
    assert (status, out) == (2, "") and rule in errors and errors.count("\n") == 1


def test_an_empty_store_lists_nothing(cli, tmp_path):
    assert cli("list", "--json", "--registry", tmp_path / "none")[1].strip() == "[]"
    assert not (tmp_path / "none").exists()


def test_list_still_works_when_one_version_is_damaged(cli, store):
    (store.resolve("labelled").folder / "manifest.json").write_text("{}")
    status, out, errors = cli("list", "--json")
    assert status == 0 and [row["name"] for row in json.loads(out)] == ["tiny"]
    assert errors.startswith("warning: labelled@1 is damaged") and errors.count("\n") == 1


def test_foreign_text_cannot_write_to_the_terminal(cli, store):
    """An imported model's card, notes and data set, on their way through every command that shows them."""
    evil = "\x1b]0;owned\x07\x1b[2J\u202e[red]x[/red]"
    lineage = LINEAGE.model_copy(update={"dataset": LINEAGE.dataset.model_copy(update={"name": evil}), "study": evil})
    version = store.publish("evil", FILES | {"card.md": evil.encode() + b"\xff"}, manifest(lineage=lineage))
    store.annotate(version, tags={"evil": evil}, description=evil)
    for command in (["list"], ["show", "evil"], ["history", "evil"], ["diff", "evil", "tiny"]):
        status, out, errors = cli(*command)
        assert status == 0 and "owned" in out and not {"\x1b", "\x07", "\u202e"} & set(out + errors), command
        assert "[red]x[/red]" in out


def test_show(cli, store):
    store.set_alias("tiny", 1, "champion")
    status, out, _ = cli("show", "tiny@champion", "--json")
    row = json.loads(out)
    assert status == 0 and row["digest"] == store.resolve("tiny").digest and row["manifest"]["model"]["architecture"] == "mlp"
    assert row["aliases"] == ["champion"] and row["tags"] == {"purpose": "tests"} and row["description"] == "a model of noise"
    status, out, _ = cli("show", "tiny")
    assert status == 0 and "champion" in out and "## Metrics" in out and "purpose = tests" in out


def test_an_alias_is_taken_away_and_its_history_stays(cli, store):
    publish(store, "prepared")
    publish(store, "prepared")
    for version in (1, 2):
        cli("promote", "prepared", version, "champion")
    assert cli("demote", "prepared", "champion", "--expect", 1)[0] == 2
    assert cli("demote", "prepared", "champion")[:2] == (0, "prepared has no alias champion any more\n")
    assert store.aliases("prepared") == {}
    status, _, errors = cli("demote", "prepared", "champion")
    assert status == 2 and "has no alias 'champion'; it has: none" in errors and errors.count("\n") == 1
    moves = json.loads(cli("show", "prepared@2", "--json")[1])["alias_moves"]
    assert [(move["alias"], move["from"], move["to"]) for move in moves] == [("champion", 1, 2), ("champion", 2, None)]
    out = cli("show", "prepared@1")[1]
    assert "moved:   champion nothing → 1, " in out and "moved:   champion 1 → 2, " in out


def test_promote_and_compare_and_swap(cli, store):
    publish(store, "tiny")
    assert cli("promote", "tiny", 1, "champion", "--expect", "none")[0] == 0
    assert json.loads(cli("promote", "tiny", 2, "champion", "--expect", 1, "--json")[1])["version"] == 2
    status, _, errors = cli("promote", "tiny", 1, "champion", "--expect", 1)
    assert status == 2 and "points to version 2" in errors and errors.count("\n") == 1
    assert store.aliases("tiny") == {"champion": 2}


def test_annotate(cli, store):
    status, out, _ = cli("annotate", "tiny", "--tag", "a=1", "--tag", "purpose=", "--description", "new", "--json")
    assert status == 0 and json.loads(out) == {"name": "tiny", "version": 1, "tags": {"a": "1"}, "description": "new"}
    assert store.tags(store.resolve("tiny")) == {"a": "1"}


def test_history(cli, store):
    store.set_alias("tiny", 1, "champion")
    rows = json.loads(cli("history", "tiny", "--json")[1])
    assert [row["event"] for row in rows] == ["published", "alias"] and rows[1]["details"]["to"] == 1
    assert len(json.loads(cli("history", "--json")[1])) == 3
    assert "alias=champion" in cli("history")[1]


def test_verify_tells_by_its_exit_status(cli, store):
    assert cli("verify")[:2] == (0, "all intact\n")
    (store.resolve("tiny").folder / "card.md").write_text("edited")
    status, out, _ = cli("verify", "--json")
    assert status == 1 and [(row["name"], row["version"]) for row in json.loads(out)] == [("tiny", 1)]
    assert cli("verify", "tiny@1")[0] == 1 and cli("verify", "labelled")[0] == 0 and cli("verify", "nobody")[0] == 2


def test_diff(cli, store):
    status, out, _ = cli("diff", "tiny", "labelled", "--json")
    changes = json.loads(out)
    assert status == 0 and changes["model.condition.classes"] == [None, 4] and "lineage.study" not in changes
    assert json.loads(cli("diff", "tiny", "tiny@1", "--json")[1]) == {}
    assert "model.condition.classes" in cli("diff", "tiny", "labelled")[1]


def test_gc(cli, store):
    publish(store, "tiny")
    assert json.loads(cli("gc", "--json")[1]) == []
    removed = json.loads(cli("gc", "--grace-hours", 0, "--keep", 1, "--dry-run", "--json")[1])
    assert len(removed) == 1 and store.numbers("tiny") == [1, 2]
    assert json.loads(cli("gc", "--grace-hours", 0, "--keep", 1, "--json")[1]) == removed and store.numbers("tiny") == [2]


def test_export_and_import(cli, store, tmp_path):
    assert cli("export", "tiny", tmp_path / "a.tar")[0] == 0
    row = json.loads(cli("import", tmp_path / "a.tar", "--registry", tmp_path / "other", "--name", "copy", "--json")[1])
    assert row == {"name": "copy", "version": 1, "digest": store.resolve("tiny").digest}
    assert cli("export", "tiny", "--to", tmp_path / "folder")[0] == 0 and (tmp_path / "folder" / "encoder.onnx").exists()
    assert cli("export", "tiny", "--to", f"triton:{tmp_path / 'triton'}")[0] == 0
    status, _, errors = cli("export", "tiny")
    assert status == 2 and "either a BUNDLE or --to TARGET" in errors


def test_encode(cli, store, tmp_path):
    (tmp_path / "pictures").mkdir()
    for index, image in enumerate(images(3)):
        Image.fromarray(image[0]).save(tmp_path / "pictures" / f"{index}.png")
    status, out, _ = cli("encode", "tiny", tmp_path / "pictures", "--out", tmp_path / "codes.csv", "--json")
    assert status == 0 and json.loads(out) == {"out": str(tmp_path / "codes.csv"), "pictures": 3, "model": "tiny@1"}
    with open(tmp_path / "codes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    mu, logvar = load("tiny", registry=store.root).encode(images(3))
    np.testing.assert_allclose([[float(row[f"mu_{d}"]) for d in range(3)] for row in rows], mu, rtol=1e-6)
    np.testing.assert_allclose([[float(row[f"logvar_{d}"]) for d in range(3)] for row in rows], logvar, rtol=1e-6)
    assert [row["file"] for row in rows] == [str(tmp_path / "pictures" / f"{index}.png") for index in range(3)]
    status, _, _ = cli("encode", "labelled", tmp_path / "pictures", "--out", tmp_path / "told.csv", "--condition", 2)
    assert status == 0 and (tmp_path / "told.csv").exists()


WRONG = [
    ("show", "nobody"),
    ("show", "../tiny"),
    ("show", "Tiny"),
    ("show", "tiny@nobody"),
    ("show", "tiny@9"),
    ("show", "sha256:00000000"),
    ("promote", "tiny", "9", "champion"),
    ("promote", "tiny", "1", "../champion"),
    ("promote", "tiny", "1", "latest"),
    ("promote", "tiny", "1", "champion", "--expect", "x"),
    ("annotate", "tiny", "--tag", "novalue"),
    ("history", "nobody"),
    ("diff", "tiny", "nobody"),
    ("import", "nothing.tar"),
    ("encode", "tiny", "nothing.png", "--out", "x.csv"),
    ("encode", "labelled", "a.png", "--out", "x.csv"),
    ("export", "tiny", "--to", "zip:x"),
    ("export", "tiny", "--to", "triton:store"),
    ("export", "tiny", "--to", "huggingface:store/store.json/x"),
    ("export", "tiny", "--to", "store/store.json/x.tar"),
    ("export", "tiny", "--to", "mlflow:/tmp/somewhere"),
    ("show", "tiny", "--registry", "/nowhere"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_a_person_gets_wrong_is_one_line_and_changes_nothing(cli, store, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    status, out, errors = cli(*arguments)
    assert (status, out) == (2, "") and errors.startswith("error: ") and errors.count("\n") == 1
    assert snapshot(tmp_path) == before


def every_parameter():
    group = typer.main.get_command(app)
    return [(name, command, parameter) for name, command in group.commands.items() for parameter in command.params]  # type: ignore[attr-defined]


def test_the_commands_are_those_that_are_documented():
    assert list(typer.main.get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "command", "parameter"), every_parameter(), ids=lambda part: getattr(part, "name", "") or str(part)
)
def test_everything_has_help(name, command, parameter):
    assert command.help and command.help.strip().endswith((".", ":"))
    assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_json_and_registry_are_everywhere(name):
    options = {option for parameter in typer.main.get_command(app).commands[name].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert {"--json", "--registry"} <= options
