"""Networks that others have published become versions of the registry: `python -m study.adopt WEIGHTS --map NAME`.

They are marks beside one's own: the same network, evaluated and exported in the same way.  `--list` shows which are known, and
where their weights are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.errors import UserError
from registry.console import AsJson, Registry, command_line, print_json, run
from registry.place import open_store

__all__ = ["app", "main"]

app = command_line(
    "Adopt a published PyTorch checkpoint: same evaluation, gate and card as a trial's model.",
    "python -m study.adopt --list",
    "python -m study.adopt model.pt --map disentangling_vae",
)


@app.command()
def main(
    weights: Annotated[Path | None, typer.Argument(help="The published file: a PyTorch state dictionary.")] = None,
    map_: Annotated[str, typer.Option("--map", help="How its weights become ours: a file in study/weight_maps.")] = "",
    show_list: Annotated[bool, typer.Option("--list", help="Show the known publications and their models.")] = False,
    name: Annotated[str | None, typer.Option(help="The model's name (default: published_MODEL).")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: data, or $VAE_DATA).")] = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Publish somebody else's trained network, checked and evaluated."""
    from study.weight_maps import WEIGHT_MAPS, load_map

    if show_list and as_json:
        return print_json({each: sorted(load_map(each).models) for each in WEIGHT_MAPS.names()})
    if show_list:
        for each in WEIGHT_MAPS.names():
            known = load_map(each)
            print(f"{each}: {known.source} ({known.licence})")
            for key, model in known.models.items():
                print(f"  {key:<16} recon {model.recon:g}, KL {model.kl:g} nats   {model.title}")
        return None
    if weights is None or not map_:
        raise UserError(f"give the weights' file and --map NAME; maps: {', '.join(WEIGHT_MAPS.names())}")
    chosen = load_map(map_)
    from study.datasets import data_folder
    from study.publishing.foreign import adopt

    version = adopt(open_store(registry), weights, map_, chosen, data_folder(data), name)
    metrics = version.manifest.metrics
    if as_json:
        return print_json({"name": version.name, "version": version.number, "digest": version.digest, "metrics": metrics})
    shown = "  ".join(f"{key} {metrics[key]:.3g}" for key in ("recon", "kl", "mig") if key in metrics)
    return print(f"{version.name} version {version.number}  {shown}  {version.digest[:19]}")


if __name__ == "__main__":
    run(app)
