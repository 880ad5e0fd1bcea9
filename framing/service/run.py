"""The service as a process: a socket, uvicorn, and an end that finishes what is in hand."""

from __future__ import annotations

import math
import signal
import socket
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec

from framing.errors import MissingExtraError, SettingError
from framing.labeler import Labeler
from framing.service.limits import Limits

#: What the extra brings.
_PACKAGES = ("fastapi", "uvicorn")
#: Seconds that the end may take beyond those of a request.
_GRACE = 5


def check_installed() -> None:
    """Check that the extra is installed.

    Raises:
        MissingExtraError: it is not.
    """
    for name in _PACKAGES:
        if find_spec(name) is None:
            raise MissingExtraError(
                f"the service needs {name}, which is not installed",
                expected="the extra 'serve'",
                hint="pip install 'framing[serve]'",
            )


def bind(host: str, port: int) -> socket.socket:
    """Take an address; connections wait there until the service answers.

    Args:
        host: a name or an address, of IPv4 or IPv6.
        port: 0 for any that is free.

    Raises:
        SettingError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError, UnicodeError) as error:
        raise SettingError(
            f"the address {host!r}, port {port}, cannot be had: {error}",
            expected="an address of this machine, and a port that is free",
            hint="choose another with --port, or end what uses it",
        ) from error


def address_of(taken: socket.socket) -> str:
    """The address of a socket, as browsers take it."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    labeler: Labeler, taken: socket.socket, limits: Limits, *, on_start: Callable[[], None] = lambda: None
) -> None:
    """Answer until SIGTERM or Ctrl-C comes; then take no new connections, finish what is in hand, and return.

    Args:
        labeler: what labels.
        taken: from :func:`bind`; closed at the end.
        limits: what one client may ask for.
        on_start: called just before the first request is answered.

    Raises:
        MissingExtraError: the extra is not installed.
        KeyboardInterrupt: Ctrl-C ended it, in the same way.
    """
    check_installed()
    import uvicorn

    from framing.service.app import create_app

    config = uvicorn.Config(
        create_app(labeler, limits),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=math.ceil(limits.seconds) + _GRACE,
    )
    server = uvicorn.Server(config)

    def end(number: int, frame: object) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it is done, which would end this process as if it had not been.
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if is_main else None
    try:
        on_start()
        server.run(sockets=[taken])
    finally:
        taken.close()
        if is_main:
            signal.signal(signal.SIGTERM, before)
    if not server.started:
        sys.exit(1)  # uvicorn has said why
