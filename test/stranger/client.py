"""docs/mobile/protocol.md, section 9: a device's calls, with the phones that `npm start` lends (docs/mobile/sdk.md)."""

import datetime
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives.asymmetric import ec

import protocol
import releases
from protocol import P256_SUITE, sha256, to_base64url


class ApiError(Exception):
    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.code = status, problem.get("code")


def call(method, url, body=None, headers={}):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        raise ApiError(refusal.code, json.loads(refusal.read())) from None


def event(kind, **members):
    """UUIDs of version 7 are not in Python's library before 3.14."""
    ms = time.time_ns() // 1_000_000
    number = ms << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{number:032x}"
    when = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "eventId": "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])),
        "type": kind,
        "occurredAt": f"{when}.{ms % 1000:03d}Z",
        **members,
    }


class Device:
    """One phone of one user."""

    def __init__(self, settings, platform, user):
        self.settings, self.platform = settings, platform
        self.base = settings["networkUrl"]
        form = urllib.parse.urlencode({"subject": user}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self.token = call("POST", settings["tokenUrl"], form, headers)["id_token"]
        self.app = settings["apps"][platform]
        keys = self.ask("GET", "/v1/keys")["keys"]
        self.pinned = {key["kid"]: key for key in keys}
        self.device_id = None
        self.serials = {}

    def ask(self, method, path, body=None):
        return call(method, self.base + path, body, {"Authorization": f"Bearer {self.token}"})

    def challenge(self, purpose):
        return self.ask("POST", "/v1/challenges", {"purpose": purpose})["challenge"]

    def enrol(self):
        data = json.dumps({
            "type": "device.enroll",
            "challenge": self.challenge("device.enroll"),
            "platform": self.platform,
            "appId": self.app["appId"],
            "appVersion": self.app["appVersion"],
        }).encode()
        lent = {"platform": self.platform, "clientDataHash": to_base64url(sha256(data))}
        key = call("POST", f"{self.settings['developmentUrl']}/attestations", lent)
        self.key_handle = key["keyHandle"]
        body = {"clientData": to_base64url(data), "attestation": key["attestation"]}
        self.device_id = self.ask("POST", "/v1/devices", body)["deviceId"]

    def proven(self, purpose, **members):
        data = json.dumps({
            "type": purpose,
            "challenge": self.challenge(purpose),
            "deviceId": self.device_id,
            "appVersion": self.app["appVersion"],
            **members,
        }).encode()
        asked = {"keyHandle": self.key_handle, "clientDataHash": to_base64url(sha256(data))}
        proof = call("POST", f"{self.settings['developmentUrl']}/proofs", asked)["proof"]
        return {"clientData": to_base64url(data), "proof": proof}

    def grant(self, model, version="latest", held=None):
        """A granted model, opened, with its licence; `held` is a copy that lies here, as its grant and its bytes."""
        private_key = ec.generate_private_key(ec.SECP256R1())
        recipient = to_base64url(protocol.point_of(private_key.public_key()))
        asked = {"modelId": model, "version": version, "recipientKey": recipient, "suite": P256_SUITE}
        if held:
            asked["base"] = held[0]
        answer = self.ask("POST", f"/v1/models/{model}/grants", self.proven("model.grant", **asked))
        base = answer.get("base")
        if base is not None and (held is None or base != held[0]):
            raise protocol.SealError("token-mismatch", "a patch that was not asked for")
        expected = {"model": model, "version": version, "deviceId": self.device_id, "suite": P256_SUITE}
        manifest, licence, content_key = protocol.accept_grant(answer, expected, private_key, self.pinned, time.time())
        record = releases.require_current(answer["release"], model, self.serials.get(model, 0), self.pinned, time.time())
        phone = {"deviceId": self.device_id, "platform": self.platform, "app": self.app["appVersion"]}
        releases.require_offered(record, manifest, licence["manifestDigest"], phone, version == "latest")
        self.serials[model] = record["serial"]
        download = Download(answer["url"], answer["sizeBytes"])
        copy = held[1] if base is not None else None
        model = protocol.open_delivery(download.take, answer["sizeBytes"], manifest, licence, content_key, copy)
        self.delivered_bytes = answer["sizeBytes"]
        return model, licence, download.connections

    def renew(self, licence):
        request = self.proven("licence.renew", grantId=licence["grantId"], digest=licence["sha256"])
        token = self.ask("POST", f"/v1/licences/{licence['grantId']}/renewals", request)["licence"]
        renewed = protocol.verify_licence(token, self.pinned)
        same = ("grantId", "userId", "deviceId", "sha256")
        if any(renewed[name] != licence[name] for name in same) or renewed["iat"] < licence["iat"]:
            raise protocol.SealError("token-mismatch", "renewal")
        return renewed

    def report(self, events, held=()):
        return self.ask("POST", "/v1/events", self.proven("events", events=list(events), held=list(held)))


class Download:
    """Bytes of a delivery in their order; a broken connection goes on by a range request."""

    def __init__(self, url, size):
        self.url, self.size = url, size
        self.answer, self.position, self.connections = None, 0, 0

    def take(self, offset, count):
        if offset + count > self.size:
            raise protocol.SealError("container-truncated")
        taken = b""
        for _ in range(8):
            if self.answer is None or self.position != offset + len(taken):
                self.open(offset + len(taken))
            try:
                part = self.answer.read(count - len(taken))
            except http.client.IncompleteRead as broken:
                part = broken.partial
            self.position += len(part)
            taken += part
            if len(taken) == count:
                return taken
            self.answer = None
        raise ConnectionError("the download broke off again and again")

    def open(self, start):
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        self.answer = urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=30)
        self.position = start
        self.connections += 1
        if start and self.answer.status == 200:
            self.answer.read(start)
