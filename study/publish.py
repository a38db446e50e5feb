"""Winners become registry versions: `python -m study.publish STUDY --trial N | --pareto | --best METRIC [--where …]`.

A published model is one trained network, so its metrics are its own: of a trial with several seeds the replicate nearest the
medians is taken, not the luckiest.  All metrics are computed again from the exported ONNX files, on the same validation images;
`test_…` are the searched ones on images that played no part in choosing.

With --pareto `candidate` goes to the model nearest the ideal point of the front, and `champion` if that has earned it
(`study.publishing.champion`); by hand `python -m registry promote` moves both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import UserError
from registry.console import command_line, print_json, run
from registry.place import open_store

if TYPE_CHECKING:
    import pandas as pd

    from registry.store import Store
    from registry.version import Version
    from study.records.folder import StudyFolder

__all__ = ["app", "main"]

app = command_line(
    "Publish models of a finished study as registry versions, checked on their exported files.",
    "python -m study.publish my_study --pareto",
    'python -m study.publish my_study --best mig --where "recon <= 60"',
    "python -m study.publish my_study --pareto --sign team.pem",
)


@app.command()
def main(
    study: Annotated[str, typer.Argument(help="A study's name under runs/, or its path.")],
    trial: Annotated[int | None, typer.Option(min=0, help="This trial.")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="The Pareto front, at most 5.")] = False,
    best: Annotated[str | None, typer.Option(metavar="METRIC", help="The best trial in this metric.")] = None,
    where: Annotated[
        str | None, typer.Option(help='Only trials that fulfil this, e.g. "recon <= 60 and mig > 0.1" (with --best).')
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name (default: the space's).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of all studies (default: runs, or $VAE_RUNS).")] = None,
    sign: Annotated[Path | None, typer.Option(metavar="KEY", help="Sign each version with this private key (PEM).")] = None,
    registry: Annotated[Path | None, typer.Option(help="Model store (default: runs/_registry, or $VAE_REGISTRY).")] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON list of {name, version, trial, digest} on standard output.")
    ] = False,
) -> None:
    """Publish a trial, the Pareto front, or the best trial under a condition."""
    if sum((trial is not None, pareto, best is not None)) != 1:
        raise UserError("give exactly one of --trial N, --pareto, --best METRIC")
    if where is not None and best is None:
        raise UserError("--where goes with --best METRIC")
    from study.publishing.trials import publish_trials, with_models
    from study.records.folder import StudyFolder, runs_folder
    from study.records.winners import best_trials, front_to_keep

    store = open_store(registry)
    signed = _signing(store, sign)
    folder = StudyFolder.find(study, runs_folder(out))
    if trial is not None:
        chosen = _trial(folder, trial)
    elif best is not None:
        chosen = best_trials(folder, best, where)
    else:
        chosen = with_models(folder, front_to_keep(folder), partial(print, file=sys.stderr))
    versions = publish_trials(
        folder,
        chosen,
        store,
        name,
        aliases=pareto,
        after=signed,
        say=partial(print, file=sys.stderr if json_ else sys.stdout),
    )
    if json_:
        rows = [{"name": v.name, "version": v.number, "trial": v.manifest.lineage.trial, "digest": v.digest} for v in versions]
        print_json(rows)
        return
    for version in versions:
        print(f"trial {version.manifest.lineage.trial} is {version.name} version {version.number}  {version.digest[:19]}")
    if not versions:
        print(f"{folder.name} has no finished trial to publish, or no model of one")


def _signing(store: Store, key: Path | None) -> Callable[[Version], object]:
    """What is done with each version; a key that is none is refused before anything is published."""
    if key is None:
        return lambda version: None
    from registry.signing import Signer

    signer = Signer(key)
    return lambda version: signer.sign(store, version)


def _trial(folder: StudyFolder, number: int) -> pd.DataFrame:
    from study.records.winners import candidates

    table = candidates(folder)
    if number not in set(table.get("trial", [])):
        usable = ", ".join(str(int(n)) for n in table.get("trial", [])) or "none"
        raise UserError(f"trial {number} of {folder.name} has no usable model; trials that have: {usable}")
    return table[table["trial"] == number]


if __name__ == "__main__":
    run(app)
