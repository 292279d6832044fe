"""A certificate that is renewed in its place reaches new connections."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mlops_jupyter.serving.access.renewal import keep_renewed

if TYPE_CHECKING:
    from pathlib import Path

EVERY = 0.05


def write_pair(certificate: Path, key: Path) -> bytes:
    """Write a new certificate and its key, and return the certificate in DER."""
    secret, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "churn.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate.write_bytes(made.public_bytes(pem))
    key.write_bytes(secret.private_bytes(pem, form, plain))
    return made.public_bytes(serialization.Encoding.DER)


async def shown_at(port: int) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return shown


@contextlib.asynccontextmanager
async def serving(certificate: Path, key: Path):
    """Yield the port of a TLS server whose certificate is kept renewed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def hang_up(_: object, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    keeping = asyncio.create_task(keep_renewed(context, str(certificate), str(key), EVERY))
    async with server:
        yield server.sockets[0].getsockname()[1]
    keeping.cancel()


async def eventually(port: int, wanted: bytes) -> bool:
    for _ in range(100):
        if await shown_at(port) == wanted:
            return True
        await asyncio.sleep(EVERY)
    return False


@pytest.fixture
def pair(tmp_path):
    return tmp_path / "server.pem", tmp_path / "server.key"


def test_new_connections_are_shown_the_new_certificate(pair):
    async def renew() -> None:
        first = write_pair(*pair)
        async with serving(*pair) as port:
            assert await shown_at(port) == first
            assert await eventually(port, write_pair(*pair))

    asyncio.run(renew())


def test_one_half_of_a_pair_is_not_taken_and_the_whole_of_it_is(pair, tmp_path):
    async def renew() -> None:
        first = write_pair(*pair)
        beside = tmp_path / "new.pem", tmp_path / "new.key"
        second = write_pair(*beside)
        async with serving(*pair) as port:
            beside[0].replace(pair[0])
            await asyncio.sleep(4 * EVERY)
            assert await shown_at(port) == first
            beside[1].replace(pair[1])
            assert await eventually(port, second)

    asyncio.run(renew())


def test_the_context_is_changed_where_connections_are_made_of_it(pair):
    changed_in = []

    class Noting(ssl.SSLContext):
        def load_cert_chain(self, *given) -> None:
            changed_in.append(threading.current_thread())
            super().load_cert_chain(*given)

    async def renew() -> None:
        write_pair(*pair)
        context = Noting(ssl.PROTOCOL_TLS_SERVER)
        keeping = asyncio.create_task(keep_renewed(context, *map(str, pair), EVERY))
        await asyncio.sleep(0)
        write_pair(*pair)
        while not changed_in:
            await asyncio.sleep(EVERY)
        keeping.cancel()

    asyncio.run(asyncio.wait_for(renew(), 30))
    assert set(changed_in) == {threading.main_thread()}


def test_files_that_are_gone_change_nothing(pair):
    async def renew() -> None:
        first = write_pair(*pair)
        async with serving(*pair) as port:
            pair[1].unlink()
            await asyncio.sleep(4 * EVERY)
            assert await shown_at(port) == first

    asyncio.run(renew())
