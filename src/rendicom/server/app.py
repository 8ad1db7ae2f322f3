"""The application: routes, what turns errors into statuses, and what comes up and goes down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from rendicom import __version__

if TYPE_CHECKING:
    from rendicom.server.services import Services

__all__ = ["create_app"]


def create_app(services: Services) -> FastAPI:
    """Return the application that answers for ``services``; nothing is started yet."""
    app = FastAPI(title="Rendicom", version=__version__, docs_url=None, redoc_url=None)
    app.state.services = services
    return app
