"""What refusals and failures of S3 mean to the user."""

from typing import Any

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError

THROTTLED = ("SlowDown", "503", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded")
_FORBIDDEN = ("403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedAccess")
_UNKNOWN_IDENTITY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_ELSEWHERE = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


def explained(error: Exception, *, where: str, needs: str, action: str, section: str) -> RentalEtlError:
    """What an error of boto3 means; `section` is the part of the configuration that messages name."""
    told = _response(error)
    if told is not None:
        return _refused(told, where=where, needs=needs, action=action, section=section)
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError"):
        return no_credentials(section)
    if kind == "ProfileNotFound":
        return ConfigurationError(
            f"AWS knows no such profile: {error}",
            where="AWS_PROFILE",
            expected="a profile of ~/.aws/config",
            remedy="correct AWS_PROFILE, or make the profile with `aws configure`",
        )
    if kind in ("CredentialRetrievalError", "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"):
        return SystemUnreachableError(
            f"the credentials of AWS cannot be had: {error}",
            where="AWS_PROFILE or the machine's role",
            remedy="sign in again (`aws sso login`), or check the role; then run again",
        )
    if kind == "ParamValidationError":
        return ConfigurationError(
            f"S3 has no such place: {str(error).splitlines()[-1]}",
            where=where,
            expected="a bucket name of 3 to 63 small letters, digits, dots and hyphens",
            remedy=f"correct {section}.url",
        )
    return SystemUnreachableError(
        f"cannot {action or 'ask S3'}: {_plain(error)}",
        where=where,
        expected="a network to the store, and a store that answers",
        remedy=f"check the network and {section}.endpoint, then run again; nothing half-done is visible",
    )


def no_credentials(section: str) -> ConfigurationError:
    """Nothing says who asks."""
    return ConfigurationError(
        "no credentials of AWS were found",
        where=f"[{section}] in S3",
        expected="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, a profile, or the machine's role",
        remedy="set them, or AWS_PROFILE, or sign in with `aws sso login`",
    )


def code_of(error: Exception) -> str:
    """The code of a refusal by S3, "" for any other error."""
    return str((_response(error) or {}).get("Error", {}).get("Code", ""))


def _response(error: BaseException) -> dict[str, Any] | None:
    # A refused upload comes wrapped.
    for candidate in (error, error.__cause__, error.__context__):
        response = getattr(candidate, "response", None)
        if isinstance(response, dict) and "Error" in response:
            return response
    return None


def _refused(response: dict[str, Any], *, where: str, needs: str, action: str, section: str) -> RentalEtlError:
    told = response["Error"]
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    said = f"{code}: {message}" if message and message != code else code
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"there is no bucket {told.get('BucketName') or where.removeprefix('s3://').partition('/')[0]}",
            where=where,
            expected="a bucket that exists, in this account and at this endpoint",
            remedy=f"correct {section}.url or {section}.endpoint, or make the bucket",
        )
    if code in _ELSEWHERE:
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        there = headers.get("x-amz-bucket-region", "") or str(told.get("Region", ""))
        return ConfigurationError(
            f"the bucket lies in another region ({said})",
            where=where,
            expected=f"region {there}" if there else "the region that the bucket was made in",
            remedy=f'set {section}.region = "{there}"' if there else f"correct {section}.region",
        )
    if code in _FORBIDDEN:
        return SystemUnreachableError(
            f"S3 forbids to {action or 'do it'} ({said})",
            where=where,
            expected=f"the right {needs}" if needs else "the rights that docs/s3.md lists",
            remedy="add it to the policy of whoever runs rental-etl, and to the bucket's; `rental-etl check` tells what is missing",
        )
    if code in _UNKNOWN_IDENTITY:
        return ConfigurationError(
            f"S3 does not know these credentials ({said})",
            where=where,
            expected="a key that exists at this endpoint, with its secret",
            remedy=f"correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or {section}.endpoint",
        )
    what, remedy = f"cannot {action or 'ask S3'}", "run again; when it stays so, look at the state of the store"
    if code in _EXPIRED:
        what, remedy = "the credentials have expired", "sign in again, then run again"
    if code in THROTTLED:
        what, remedy = "S3 keeps asking to slow down", "run again later: it goes on where this run ended"
    return SystemUnreachableError(f"{what} ({said})", where=where, remedy=remedy)


def _plain(error: Exception) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
