"""Certificates for a server with TLS: an authority, a server certificate that it signed for `localhost`, and an authority nobody asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_certificates(folder: Path) -> dict[str, str]:
    """Write `ca.pem`, `stranger.pem`, `server.pem` and `server.key`; returns the server's options."""
    ca_key, ca = _authority("rental test authority")
    _, stranger = _authority("another authority")
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder("localhost", issuer="rental test authority", key=key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    for name, certificate in (("ca", ca), ("stranger", stranger), ("server", server)):
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return {
        "ssl-ca": str(folder / "ca.pem"),
        "ssl-cert": str(folder / "server.pem"),
        "ssl-key": str(folder / "server.key"),
    }


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    certificate = _builder(name, issuer=name, key=key).add_extension(constraints, critical=True)
    return key, certificate.sign(key, hashes.SHA256())


def _builder(name: str, *, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(tz=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )
