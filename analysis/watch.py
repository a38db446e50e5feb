"""`python -m analysis.watch STUDY`: a page that shows a study while it runs, and after.

It reads the study's files only: it may be started before, during or after the study, any number of times, and ends with Ctrl-C.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.console import command_line, run

__all__ = ["app"]

PORT = 8400

app = command_line(
    "Show a study while it runs: curves, pictures redrawn as they improve, the front, warnings.",
    "python -m analysis.watch my_study",
    "python -m analysis.watch runs/my_study --port 8500",
)


@app.command()
def main(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A name under runs/, or a path.")],
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = PORT,
    until_closed: Annotated[bool, typer.Option("--until-closed", help="End when standard input is closed.")] = False,
) -> None:
    """Serve the page until Ctrl-C."""
    import asyncio
    import contextlib

    from study.records.folder import StudyFolder, runs_folder

    folder = StudyFolder.find(study, runs_folder())
    _ = folder.record  # a damaged one is said now
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(folder.path, port, until_closed))


async def _serve(path: Path, port: int, until_closed: bool) -> None:
    import asyncio
    import sys

    from aiohttp import web

    from analysis.watching.server import HOST, application
    from models.errors import UserError

    runner = web.AppRunner(application(path), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as problem:
        await runner.cleanup()
        raise UserError(f"port {port} cannot be used ({problem.strerror or problem}): choose another --port, or 0") from None
    print(f"watching {path.name} at http://{HOST}:{runner.addresses[0][1]}  (Ctrl-C ends)", flush=True)
    if until_closed:  # whoever started it holds the other end of standard input, and lets go of it however he ends
        await asyncio.to_thread(sys.stdin.buffer.read)
    else:
        await asyncio.Event().wait()


if __name__ == "__main__":
    run(app)
