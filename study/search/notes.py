"""What optuna-dashboard shows beside numbers: a note on each model of the front, and the sheets that the study drew as artifacts.

    optuna-dashboard runs/<study>/optuna.journal --artifact-dir runs/<study>/artifacts

The sheets belong to the study, since Optuna takes none for a trial that has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.records.folder import StudyFolder
from study.search.events import trial_name

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from registry.store import Version

__all__ = ["note_front"]


def note_front(folder: StudyFolder, optuna_study: optuna.Study, front: pd.DataFrame, versions: Sequence[Version]) -> None:
    """Notes on these rows of the trial table, and their sheets; what is there already is replaced or left."""
    import optuna
    from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
    from optuna_dashboard import save_note

    published = {version.manifest.lineage.trial: str(version) for version in versions}
    trials = optuna_study.get_trials(deepcopy=False)
    place = folder.path / "artifacts"
    place.mkdir(exist_ok=True)
    store = FileSystemArtifactStore(place)
    known = {meta.filename for meta in get_all_artifact_meta(optuna_study)}
    for row in front.to_dict("records"):
        number = int(row["trial"])
        save_note(optuna.Trial(optuna_study, trials[number]._trial_id), _note(row, folder.record.metrics, published.get(number)))
        for sheet in sorted((folder.path / "figures").glob(f"{trial_name(number)}-*.png")):
            if sheet.name not in known:
                upload_artifact(artifact_store=store, file_path=str(sheet), study_or_trial=optuna_study)


def _note(row: dict, metrics: Sequence[str], version: str | None) -> str:  # type: ignore[type-arg]
    """Markdown: why this trial is worth a look, and what to do with it."""
    values = ", ".join(f"{metric} {row[metric]:.3g}" for metric in metrics)
    use = f'`registry.load("{version}")`' if version else "not published"
    return f"On the front: {values}; n = {row['n_replicates']}.\n\n{use}\n"
