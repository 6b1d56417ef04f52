"""AWS clients, and what their refusals mean to the user."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError

_MISSING = ("404", "NoSuchKey", "NoSuchBucket", "ResourceNotFoundException", "ClusterNotFound", "ClusterNotFoundFault")
_FORBIDDEN = (
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
)


def aws_client(service: str, *, region: str | None = None, endpoint: str | None = None) -> Any:
    """A client that tries again when AWS is busy. Raises ConfigurationError when boto3 is not installed."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ConfigurationError(
            f"the AWS client cannot be loaded: {error}",
            expected="boto3",
            remedy="install it with `pip install 'rental-etl[aws]'`",
        ) from error
    # Standard mode waits longer after every throttled answer.
    config = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=15, read_timeout=60)
    return boto3.session.Session().client(service, region_name=region, endpoint_url=endpoint, config=config)


@contextlib.contextmanager
def aws_errors(where: str, *, needs: str) -> Iterator[None]:
    """Errors of AWS come out as the product's; `needs` is the IAM action that was used."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(error.response.get("Error", {}), where=where, needs=needs) from error
    except (BotoCoreError, Boto3Error) as error:
        # A refused upload comes wrapped.
        if isinstance(error.__context__, ClientError):
            raise _refused(error.__context__.response.get("Error", {}), where=where, needs=needs) from error
        raise SystemUnreachableError(
            f"AWS cannot be asked: {error}",
            where=where,
            expected="credentials and a region in the environment, a profile or the machine's role, and a network to AWS",
            remedy="check AWS_PROFILE or AWS_REGION, and the network; then run again",
        ) from error


def _refused(told: dict[str, Any], *, where: str, needs: str) -> RentalEtlError:
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    if code in _MISSING:
        return ConfigurationError(
            f"AWS does not know it: {message or code}",
            where=where,
            expected=f"something that exists in this account and region, and the right {needs}",
            remedy="correct the name in the configuration, or the region",
        )
    if code in _FORBIDDEN:
        return ConfigurationError(
            f"a right is missing: {message or code}",
            where=where,
            expected=f"the IAM action {needs}",
            remedy="add it to the policy of the identity that runs rental-etl",
        )
    return SystemUnreachableError(
        f"AWS refused: {message or code}",
        where=where,
        remedy="run again; when it stays so, look at the service's status",
    )
