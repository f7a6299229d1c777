"""Verifies one token as a backend in Python would: PyJWT, or cryptography alone for Ed25519.

Reads a job as JSON, writes {"claims": ...} or {"error": <name of the exception>}.
"""

import base64
import json
import sys
import urllib.request

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

REQUIRED = ["iss", "aud", "iat", "exp", "jti", "client_id"]


def decode_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify_with_pyjwt(job):
    if "secret" in job:
        key = decode_base64url(job["secret"])
    else:
        key = jwt.PyJWKClient(job["jwks_url"]).get_signing_key_from_jwt(job["token"]).key
    return jwt.decode(
        job["token"],
        key,
        algorithms=[job["algorithm"]],
        audience=job["audience"],
        issuer=job["issuer"],
        options={"require": job.get("required", REQUIRED)},
    )


def verify_with_cryptography(job):
    header, payload, signature = job["token"].split(".")
    stated = json.loads(decode_base64url(header))
    with urllib.request.urlopen(job["jwks_url"]) as response:
        keys = json.load(response)["keys"]
    [jwk] = [key for key in keys if key["kid"] == stated["kid"]]
    assert (stated["alg"], jwk["alg"], jwk["crv"]) == ("Ed25519",) * 3
    key = Ed25519PublicKey.from_public_bytes(decode_base64url(jwk["x"]))
    key.verify(decode_base64url(signature), f"{header}.{payload}".encode())
    return json.loads(decode_base64url(payload))


def main():
    job = json.load(sys.stdin)
    verify = verify_with_cryptography if job["algorithm"] == "Ed25519" else verify_with_pyjwt
    try:
        answer = {"claims": verify(job)}
    except (jwt.PyJWTError, InvalidSignature) as error:
        answer = {"error": type(error).__name__}
    json.dump(answer, sys.stdout)


main()
