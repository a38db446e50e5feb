"""The main job: `python -m study.run --space dsprites_capacity`.

Plans a study, searches it on Ray, draws its best models and publishes them.  Everything it makes lies in `runs/<study>/` and in
the registry; the last lines say where.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from pydantic import ValidationError
from rich.table import Table

from models.errors import UserError, explain
from models.files import check_writable, is_url
from registry.console import command_line, make_console, run
from registry.place import registry_place
from study.datasets import data_folder
from study.records.folder import RECORD, StudyFolder, StudyRecord, runs_folder
from study.records.mirror import Mirror, below, check_url
from study.search.resume import check_given, check_same, continued, continuing
from study.search.samplers import SAMPLERS
from study.search.schedulers import SCHEDULERS
from study.spaces import AROUND, SPACES, load_space

if TYPE_CHECKING:
    from study.search.plan import Request

__all__ = ["app", "main"]

app = command_line(
    "Search a space of VAEs: Ray schedules trials that Optuna proposes; the best become ONNX models.",
    "python -m study.run --space dsprites_capacity",
    "python -m study.run --space dsprites_capacity --budget smoke --dry-run",
    "python -m study.run --space folder --dataset folder:photos --trials 8",
    "python -m study.run --resume my_study",
    "python -m study.run --extend my_study --trials 20",
)
console = make_console()


@app.command()
def main(
    ctx: typer.Context,
    space: Annotated[str | None, typer.Option(help="What to search: a file in study/spaces, or around_RECIPE.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show all spaces with their metrics and budgets.")] = False,
    trials: Annotated[int | None, typer.Option(min=1, help="How many trials (default: the budget's).")] = None,
    budget: Annotated[
        str | None, typer.Option(help="One of the space's, as smoke, laptop, full (default: full with a GPU, else laptop).")
    ] = None,
    metrics: Annotated[str | None, typer.Option(help="Searched metrics, e.g. recon,mig (default: the space's).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of all randomness.")] = 0,
    replicates: Annotated[int, typer.Option(min=1, help="Seeds trained for every trial; metrics are their medians.")] = 1,
    sampler: Annotated[str, typer.Option(help=f"{', '.join(SAMPLERS)}; list is the space's grid.")] = "tpe",
    start: Annotated[
        str, typer.Option(help="First trials: space (its own), recipes (the sources' too), none, study:NAME (what it found).")
    ] = "space",
    scheduler: Annotated[str, typer.Option(help=f"Early stopping: {', '.join(SCHEDULERS)}.")] = "none",
    paired: Annotated[
        str | None, typer.Option(metavar="KNOB", help="Trials that differ in this knob only share their seeds.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Another data set for the same knobs, e.g. folder:PATH.")] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(min=0, help="May be a fraction (default: 0.25 if there is a GPU).")
    ] = None,
    cpus_per_trial: Annotated[int, typer.Option(min=1, help="CPU threads of a trial.")] = 1,
    reuse_actors: Annotated[
        bool, typer.Option("--reuse-actors", help="Many trials in one process: starts faster, but no actor has its trial's name.")
    ] = False,
    concurrent: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Trials at once (default: as many as fit now); an autoscaler follows.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Keep Optuna's trials in a database, e.g. postgresql+psycopg://HOST/DB.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Serve the live page while it runs (python -m analysis.watch).")] = False,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Start Ray without it: sooner, and 1 GB less.")] = False,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster: HOST:PORT, or auto on one of its nodes.")] = None,
    resume: Annotated[str | None, typer.Option(metavar="STUDY", help="Continue an interrupted study.")] = None,
    extend: Annotated[str | None, typer.Option(metavar="STUDY", help="Add --trials more trials to a study.")] = None,
    resume_if_exists: Annotated[
        bool, typer.Option("--resume-if-exists", help="With --space and --name: continue where a scheduler's retry finds it.")
    ] = False,
    confirm: Annotated[
        int, typer.Option(min=0, metavar="K", help="At the end, train the Pareto front again with K fresh seeds.")
    ] = 0,
    name: Annotated[str | None, typer.Option(help="The study's name (default: space and time).")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="Folder of all studies (default: runs, or $VAE_RUNS), or s3://BUCKET/PREFIX that mirrors it (docs/cluster.md).",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of data sets (default: data, or $VAE_DATA).")] = None,
    registry: Annotated[Path | None, typer.Option(help="Model store (default: runs/_registry, or $VAE_REGISTRY).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, measure what it will take, write nothing.")] = False,
) -> None:
    """Search a space, or --resume / --extend a study."""
    if show_list:
        _show_spaces()
        return
    study = _one_of(space, resume, extend)
    if address is not None:
        from study.search.plan import check_address

        check_address(address)
    place = _place(out, write=not dry_run)
    models = None if dry_run else registry_place(registry)
    given = {key: value for key, value in ctx.params.items() if _was_given(ctx, key)}
    if space is None:
        check_given(given, extend=extend is not None)
        folder = _begun(study, place)
        record = _continued(folder, given)
    elif resume_if_exists and _is_begun(_named(name), place):
        folder = _begun(_named(name), place)
        check_same(folder, given)
        record = _continued(folder, continuing(given))
    else:
        load_space(study)  # an unknown one is said before its name is made one of the study's
        folder = place.new(f"{space}-{time.strftime('%Y%m%d-%H%M%S')}" if name is None else name)
        record = _planned(folder, _request(folder, place, ctx.params), measure=dry_run)
    if models is not None:
        from study.search.job import search_and_publish
        from study.search.live_page import live_page

        if not (folder.path / RECORD).is_file():
            folder.write(record)
        with live_page(folder, console) if watch else nullcontext():
            search_and_publish(folder, record, address, models, console, confirm, dashboard=not no_dashboard)


def _one_of(*asked: str | None) -> str:
    """What --space, --resume or --extend names.  Raises `UserError` unless just one of them was given."""
    given = [option for option in asked if option is not None]
    if len(given) != 1:
        raise UserError(f"give exactly one of --space, --resume, --extend (or --list); spaces: {', '.join(SPACES.names())}")
    return given[0]


class Place(NamedTuple):
    """Where the studies are.  remote: the URL below which they are mirrored."""

    runs: Path
    remote: str | None

    def url(self, study: str) -> str | None:
        """Of a study's mirror."""
        return None if self.remote is None else below(self.remote, study)

    def new(self, name: str) -> StudyFolder:
        """The folder of a study that does not exist yet."""
        return StudyFolder.new(self.runs, name, self.url(name))


def _place(out: str | None, *, write: bool) -> Place:
    """What --out says.  Raises `UserError` for a folder or a URL that takes nothing.  write: whether it must."""
    if out == "":  # of a variable that is not set
        raise UserError("--out must be a folder or a URL, but got an empty text")
    remote = out if out is not None and is_url(out) else None
    runs = runs_folder(None if remote else out)
    if remote is not None:
        check_url(remote)
        Mirror(runs, remote).check(write=write)
    if write:
        check_writable(runs, "--out")
    return Place(runs, remote)


def _named(name: str | None) -> str:
    if name is None:
        raise UserError("--resume-if-exists needs --name: without one every study has a new name")
    return name


def _is_begun(name: str, place: Place) -> bool:
    """Whether there is a study of this name, here or at the URL."""
    here = place.runs / name / RECORD
    return here.is_file() or Mirror(here.parent, place.url(name)).holds(here)


def _begun(study: str, place: Place) -> StudyFolder:
    """A study by name, path or URL, brought up to date where it has a mirror: another machine may have gone on with it."""
    known = study if is_url(study) else place.url(study)
    if known is not None:
        return StudyFolder.find(known, place.runs)
    folder = StudyFolder.find(study, place.runs)
    return StudyFolder.find(folder.record.remote, folder.path.parent) if folder.record.remote else folder


def _was_given(ctx: typer.Context, parameter: str) -> bool:
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _request(folder: StudyFolder, place: Place, params: dict[str, Any]) -> Request:
    """The options that describe a new study.  Raises `UserError` for a value out of range."""
    from study.search.plan import Request

    wishes = {key: value for key, value in params.items() if key in Request.model_fields and value is not None}
    wishes |= {"name": folder.name, "runs": place.runs, "remote": place.url(folder.name)}
    wishes |= {"data": data_folder(params["data"]), "cluster": params["address"] is not None}
    try:
        return Request(**wishes)
    except ValidationError as error:
        raise UserError(explain(error)) from None


def _planned(folder: StudyFolder, request: Request, *, measure: bool) -> StudyRecord:
    """The record of a new study, planned and told; nothing is written."""
    from study.search.estimate import describe
    from study.search.plan import check_disk, plan

    record, dataset = plan(request)
    check_disk(folder.path.parent, record)
    for line in describe(record, dataset, chosen=request.budget is not None, measure=measure):
        console.print(line)
    return record


def _continued(folder: StudyFolder, given: dict[str, Any]) -> StudyRecord:
    """What `--resume` or `--extend` make of a study's record; what is left to do is told, nothing is written."""
    more = None
    if "extend" in given:
        more = given.get("trials") or folder.space().budget(folder.record.budget_name).trials
    record = continued(folder, given, more)
    console.print(f"{record.name}: {record.trials} trials of {record.budget.steps} steps in all, budget {record.budget_name}")
    return record


def _show_spaces() -> None:
    table = Table("space", "data", "searches", "budgets (trials × steps)", "purpose", box=None, header_style="bold")
    for name in SPACES.names():
        space = load_space(name).space
        budgets = ", ".join(f"{key} {budget.trials}×{budget.steps:,}" for key, budget in space.budgets.items())
        table.add_row(name, space.dataset, ", ".join(space.metrics), budgets, space.purpose)
    console.print(table)
    console.print(f"and {AROUND}RECIPE: around a source's experiment, whose names python -m study.recipe --list shows")


if __name__ == "__main__":
    run(app)
