"""A registered model of MLflow 3 (extra `mlflow`): PLACE is a tracking URI, `sqlite:///runs.db` or `http://HOST:5000`.

`mlflow.pyfunc.load_model("models:/NAME/1").predict(images)` answers mu, logvar and pixels (the reconstruction) wherever MLflow,
NumPy and onnxruntime are installed; this project is not needed there.  It comes back from `PLACE#NAME` or `PLACE#NAME@1`.
Signature, metrics and lineage are MLflow's own; the version's files travel as the model's artifact `version`, byte for byte.
New experiments of a sqlite store keep their files in the folder `mlartifacts` beside the database.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from registry.errors import NotFoundError, RegistryError, UnsafeError, WriteError
from registry.exports._folders import read_folder, writable_parent, write_folder
from registry.manifest import Manifest, TensorSpec
from registry.version import MANIFEST, Version

__all__ = ["READ_BY", "check", "read", "read_network", "write"]

READ_BY = "MLflow 3"
EXPERIMENT, DIGEST = "vae-registry", "vae.digest"
SQLITE = "sqlite:///"
QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
CODE = Path(__file__).with_name("_mlflow_model.py")


def check(place: str) -> None:
    """Raises `RegistryError`: no MLflow here, no such kind of URI, a database or server that is out of reach."""
    if not place.startswith((SQLITE, "http://", "https://")):
        raise RegistryError(f"mlflow:URI is sqlite:///FILE or http(s)://HOST, but got {place!r}")
    if find_spec("mlflow") is None:
        raise RegistryError("an export to MLflow needs the extra 'mlflow': pip install 'vae-study[mlflow]'")
    if place.startswith(SQLITE):
        database = Path(place.removeprefix(SQLITE))
        writable_parent(database)
        if database.exists() and not (database.is_file() and os.access(database, os.W_OK)):
            raise WriteError(f"{database} must be a database that can be written")
        return
    try:  # MLflow itself would try for minutes
        urllib.request.urlopen(f"{place.rstrip('/')}/health", timeout=10).close()
    except (OSError, ValueError) as error:
        raise RegistryError(f"an MLflow server must answer at {place}, but: {getattr(error, 'reason', error)}") from None


def write(version: Version, place: str) -> str:
    """A run with metrics and lineage, its model, and the next version of the registered model that has the same name."""
    files = {MANIFEST: version.manifest_bytes(), **version.read()}
    with _client(place) as client, tempfile.TemporaryDirectory() as staged:
        _refuse_twice(client, version)
        write_folder(f"{staged}/version", files)
        experiment, made = _experiment(client, place)
        run = client.create_run(experiment, run_name=str(version), tags=_lineage(version)).info.run_id
        try:
            number = _log(client, version, run, staged)
        except BaseException:
            _undo(client, run, experiment if made else None)
            raise
    return f"models:/{version.name}/{number} in {place}"


def read(place: str) -> tuple[str, bytes, dict[str, bytes]]:
    """What version 1 of the registered model NAME holds, at `URI#NAME@1`; its newest, at `URI#NAME`."""
    with _fetched(place) as (name, folder, _):
        if not (folder / "artifacts" / "version").is_dir():
            raise NotFoundError(f"{place} was not exported from here; if it is an ONNX model, import a pair: --encoder mlflow:…")
        _, manifest, files = read_folder(str(folder / "artifacts" / "version"))
    return name, manifest, files


def read_network(place: str) -> tuple[bytes, dict[str, float]]:
    """One network of MLflow's ONNX flavour, whoever logged it, and the metrics of its run; `place` as in `read`."""
    with _fetched(place) as (_, folder, metrics):
        from mlflow.models import Model

        from registry.onnx_files import read_onnx

        flavour = Model.load(str(folder)).flavors.get("onnx")
        if flavour is None:
            raise RegistryError(f"a network must be logged with mlflow.onnx, but {place} is of another kind")
        path = folder / str(flavour["data"])
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UnsafeError(f"a network of MLflow is in its model's folder, but {place} names {flavour['data']}")
        return read_onnx(path), metrics


@contextmanager
def _fetched(place: str) -> Iterator[tuple[str, Path, dict[str, float]]]:
    """Name, a copy of the folder, and metrics of the model version at `URI#NAME@1` (`URI#NAME`: the newest)."""
    uri, _, wanted = place.rpartition("#")
    name, _, number = wanted.partition("@")
    if not uri or not name or "'" in name or not (number.isdigit() or not number):
        raise RegistryError(f"a model of MLflow is mlflow:URI#NAME or mlflow:URI#NAME@3, but got {place!r}")
    check(uri)
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        raise NotFoundError(f"there is no database {uri.removeprefix(SQLITE)}")
    with _client(uri) as client, tempfile.TemporaryDirectory() as folder:
        import mlflow

        known = {int(version.version): version for version in client.search_model_versions(f"name = '{name}'")}
        if not known or (number and int(number) not in known):
            raise NotFoundError(f"MLflow at {uri} has no model {wanted}; its versions are {sorted(known) or 'none'}")
        chosen = known[int(number or max(known))]
        run = client.get_run(chosen.run_id) if chosen.run_id else None
        metrics = {key: float(value) for key, value in run.data.metrics.items()} if run else {}
        fetched = mlflow.artifacts.download_artifacts(f"models:/{name}/{chosen.version}", dst_path=folder)
        yield name, Path(fetched), metrics


@contextmanager
def _client(place: str) -> Iterator[Any]:
    """MLflow at `place`; what MLflow refuses, the registry refuses.  Its process-wide settings are put back."""
    quiet = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)
    import mlflow
    from mlflow.exceptions import MlflowException

    logger, before = logging.getLogger("mlflow"), mlflow.get_tracking_uri()
    level = logger.level
    try:
        mlflow.set_tracking_uri(place)
        logger.setLevel(logging.ERROR)
        # MLflow sets filters of its own, so its advice on hints and examples, which the signature makes needless, is caught.
        with warnings.catch_warnings(record=True):
            yield mlflow.MlflowClient(tracking_uri=place, registry_uri=place)
    except MlflowException as error:
        raise RegistryError(f"MLflow at {place} refuses: {str(error).splitlines()[0]}") from None
    finally:
        mlflow.set_tracking_uri(before)
        for name, value in quiet.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        logger.setLevel(level)


def _refuse_twice(client: Any, version: Version) -> None:
    for known in client.search_model_versions(f"name = '{version.name}'"):
        if known.tags.get(DIGEST) == version.digest:
            raise RegistryError(f"an export must be new, but {version} is there already as models:/{known.name}/{known.version}")


def _experiment(client: Any, place: str) -> tuple[str, bool]:
    """Its id, and whether it was made here."""
    if (known := client.get_experiment_by_name(EXPERIMENT)) is not None:
        return known.experiment_id, False
    beside = Path(place.removeprefix(SQLITE)).absolute().parent / "mlartifacts"
    return client.create_experiment(EXPERIMENT, beside.as_uri() if place.startswith(SQLITE) else None), True


def _log(client: Any, version: Version, run: str, staged: str) -> str:
    import mlflow

    manifest = version.manifest
    with mlflow.start_run(run_id=run):
        mlflow.log_metrics({key: value for key, value in manifest.metrics.items() if value is not None})
        mlflow.log_params({"architecture": manifest.model.architecture, "latent_dim": manifest.model.latent_dim})
        model = mlflow.pyfunc.log_model(
            name=version.name,
            python_model=str(CODE),
            artifacts={"version": f"{staged}/version"},
            signature=_signature(manifest),
            pip_requirements=["mlflow-skinny>=3.1", "numpy>=2.0", "onnxruntime>=1.25", "pandas>=2.2"],
        )
    new = not client.search_registered_models(f"name = '{version.name}'")
    if new:
        client.create_registered_model(version.name)
    try:
        made = client.create_model_version(
            version.name, model.model_uri, run, tags=_lineage(version), description=manifest.description, model_id=model.model_id
        )
    except BaseException:
        if new:
            client.delete_registered_model(version.name)
        raise
    return str(made.version)


def _undo(client: Any, run: str, experiment: str | None) -> None:
    """Delete the run, the logged model and, if this export made it, the experiment; files of a sqlite store go, too."""
    folders = [client.get_run(run).info.artifact_uri]
    of_run = client.get_run(run).info.experiment_id
    for model in client.search_logged_models(experiment_ids=[of_run], filter_string=f"source_run_id = '{run}'"):
        folders.append(model.artifact_location)
        client.delete_logged_model(model.model_id)
    client.delete_run(run)
    if experiment is not None:
        client.delete_experiment(experiment)
    for folder in folders:
        if folder.startswith("file://"):
            shutil.rmtree(url2pathname(urlsplit(folder).path), ignore_errors=True)


def _signature(manifest: Manifest) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    encoder, decoder = manifest.signature.encoder, manifest.signature.decoder
    return ModelSignature(
        inputs=Schema([_tensor(spec) for spec in encoder.inputs]),
        outputs=Schema([_tensor(spec) for spec in (*encoder.outputs, *decoder.outputs)]),
    )


def _tensor(spec: TensorSpec) -> Any:
    import numpy as np
    from mlflow.types import TensorSpec as Tensor

    return Tensor(np.dtype(spec.dtype), tuple(size if isinstance(size, int) else -1 for size in spec.shape), spec.name)


def _lineage(version: Version) -> dict[str, str]:
    """Where it comes from, as tags; MLflow takes text only."""
    manifest = version.manifest
    lineage = manifest.lineage
    facts = {
        "vae.version": str(version),
        DIGEST: version.digest,
        "vae.dataset": f"{lineage.dataset.name} ({lineage.dataset.source})",
        "vae.dataset_digest": lineage.dataset.digest,
        "vae.study": lineage.study,
        "vae.trial": lineage.trial,
        "vae.seed": lineage.seed,
        "vae.seeds": lineage.seeds,
        "vae.budget": f"{lineage.budget.name}: {lineage.budget.steps} steps",
        "vae.config_digest": lineage.config_digest,
        "vae.git_commit": lineage.git_commit,
        **manifest.tags,
    }
    return {key: str(value) for key, value in facts.items() if value is not None}
