"""A server for this machine alone."""

from __future__ import annotations

import socket
from typing import Any

import panel as pn

from mmgen import MmgenError

from .page import Page
from .playground import Playground

LOOPBACK = "127.0.0.1"


class Server:
    """The page of a playground at an address of the loopback, which no other machine reaches.

    Everything that the page needs comes from here: libraries, styles and fonts are those of the installed packages. A
    page from elsewhere that asks for a connection is refused by its origin.

    Args:
        playground: What is shown; each window that is opened has a choice of rows of its own.
        port: Of the address; 0: one that is free.

    Raises:
        MmgenError: A port that is taken, or that one may not take.
    """

    def __init__(self, playground: Playground, port: int = 0) -> None:
        self.playground, self.port = playground, _usable(port)
        self._server = pn.serve(
            self._page,
            address=LOOPBACK,
            port=self.port,
            websocket_origin=[f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"],
            title=f"mmgen play: {playground.model.name}",
            start=False,
            show=False,
        )

    @property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{LOOPBACK}:{self.port}"

    def run(self, show: bool) -> None:
        """Serve until somebody ends it."""
        if show:
            self._server.io_loop.add_callback(self._server.show, "/")
        self._server.run_until_shutdown()

    def _page(self) -> Any:
        return Page(self.playground).view()


def _usable(port: int) -> int:
    """The port, or one that is free in the place of 0."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((LOOPBACK, port))
        except OSError as error:
            raise MmgenError(f"--port: {port} cannot be used ({error.strerror}); leave it out.") from error
        return int(one.getsockname()[1])
