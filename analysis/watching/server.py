"""The live page's server: aiohttp, this machine only, read only.

/           the page
/state      the study as it is now
/trial/7    one trial with its film; 404 where it has none
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from aiohttp import web

from analysis.watching.snapshot import Snapshots
from models.errors import UserError

__all__ = ["HOST", "application"]

HOST = "127.0.0.1"
NAMES = {"127.0.0.1", "localhost"}
"""Who asks by another name has been sent here by a page of somebody else's."""
PAGE = Path(__file__).parent


def application(study: Path) -> web.Application:
    """Of one study's folder."""
    snapshots = Snapshots(study)

    async def page(_: web.Request) -> web.Response:
        script = (PAGE / "watch.js").read_text()
        text = (PAGE / "watch.html").read_text().replace("{{ script }}", script)
        return web.Response(text=text, content_type="text/html")

    async def state(_: web.Request) -> web.Response:
        try:
            return web.json_response(_finite(snapshots.state()))
        except (UserError, OSError) as problem:
            return web.json_response({"problem": str(problem)}, status=503)

    async def trial(request: web.Request) -> web.Response:
        found = snapshots.trial(int(request.match_info["number"]))
        if found is None:
            raise web.HTTPNotFound(text="this trial has no film")
        return web.json_response(_finite(found.model_dump(mode="json")))

    app = web.Application(middlewares=[_ours])
    app.add_routes([web.get("/", page), web.get("/state", state), web.get(r"/trial/{number:\d{1,7}}", trial)])
    return app


@web.middleware
async def _ours(request: web.Request, handler: Any) -> web.StreamResponse:
    if (request.url.host or "") not in NAMES:
        raise web.HTTPForbidden(text="this page is for this machine")
    response: web.StreamResponse = await handler(request)
    response.headers["Cache-Control"] = "no-store"
    return response


def _finite(value: Any) -> Any:
    """JSON has no NaN: None instead."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
