"""What `deploy/` says is what the program takes: as far as that can be seen without Kubernetes and Slurm."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from study.run import app

DEPLOY = Path(__file__).parents[1] / "deploy"


def commands() -> dict[str, list[str]]:
    """The study's command in each file."""
    job = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())
    script = (DEPLOY / "study.sbatch").read_text().replace("\\\n", " ")
    line = next(line for line in script.splitlines() if line.startswith("python -m study.run"))
    return {"rayjob.yaml": shlex.split(job["spec"]["entrypoint"]), "study.sbatch": shlex.split(line.removesuffix("&"))}


@pytest.mark.parametrize(("file", "words"), commands().items(), ids=commands())
def test_the_command_is_one_of_ours(file: str, words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    parsed = command.make_context("study.run", words[3:], resilient_parsing=False).params
    assert parsed["space"] == parsed["name"] == "dsprites_capacity"
    assert parsed["resume_if_exists"] and parsed["address"] and parsed["out"], file


def test_the_slurm_script_is_bash_and_hears_the_signal() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "study.sbatch")], check=True)
    script = (DEPLOY / "study.sbatch").read_text()
    assert "--signal=B:TERM@120" in script and re.search(r"trap .*kill -TERM .*' TERM", script)


def test_the_image_has_every_package() -> None:
    copied = re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    packages = {path.parent.name for path in DEPLOY.parent.glob("*/__init__.py")} - {"tests"}
    assert set(copied) == packages


def test_the_image_has_the_ray_that_the_job_names() -> None:
    job = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())
    assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']}" in (DEPLOY.parent / "constraints.txt").read_text().split()
