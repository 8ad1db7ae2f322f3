"""Errors of connections, which contain only the host."""

from __future__ import annotations

import ssl

from rendicom.errors import UnreadableSourceError


class BrokenConnectionError(UnreadableSourceError):
    """The connection failed or was lost: another attempt may succeed."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as the public error class."""
        return UnreadableSourceError(*self.args, hint=self.hint).__reduce__()


def no_connection(host: str, error: Exception) -> UnreadableSourceError:
    """Return the error for a server that cannot be connected to, or is not trusted."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreadableSourceError(
                f"the certificate of {host} is not trusted: {cause.verify_message}",
                hint="--ca-bundle FILE names certificates to trust",
            )
        if isinstance(cause, ssl.SSLError):
            return UnreadableSourceError(
                f"{host} fails the TLS handshake: {cause.reason or 'error'}"
            )
        cause = cause.__cause__ or cause.__context__
    reason = str(error).partition("] ")[2] or "no connection"
    return BrokenConnectionError(f"{host} cannot be reached: {reason}")


def no_answer(host: str) -> BrokenConnectionError:
    """Return the error for a server that sends nothing within its time."""
    return BrokenConnectionError(f"{host} sends nothing, or too slowly")


def connection_lost(host: str) -> BrokenConnectionError:
    """Return the error for a connection that failed during a request."""
    return BrokenConnectionError(f"the connection to {host} was lost")


def not_complete(host: str) -> BrokenConnectionError:
    """Return the error for a truncated response."""
    return BrokenConnectionError(f"{host} ended the connection before the answer was complete")


def no_http(host: str) -> BrokenConnectionError:
    """Return the error for a response that is invalid; the next one may be valid."""
    return BrokenConnectionError(f"{host} does not answer in valid HTTP")


def invalid_request(host: str) -> UnreadableSourceError:
    """Return the error for a request that HTTP cannot express."""
    return UnreadableSourceError(f"an invalid request cannot be sent to {host}")
