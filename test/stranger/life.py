"""The life of a copy against `npm start -- --in-memory --faults --json FILE`: prints what was seen; an assertion ends it."""

import json
import os
import pathlib
import sys
import time
import uuid

from client import ApiError, Device, call, event
from protocol import to_base64url

settings = json.loads(pathlib.Path(sys.argv[1]).read_text())
DEVELOPMENT = settings["developmentUrl"]
SIZE = 3_000_000


def code_of(work):
    try:
        work()
        return "done"
    except ApiError as refusal:
        return refusal.code


def life_of(platform):
    model, bytes_of_model = f"m-{uuid.uuid4()}", os.urandom(SIZE)
    call("POST", f"{DEVELOPMENT}/models?model={model}&version=1.0.0&format=opaque", bytes_of_model)
    device = Device(settings, platform, f"u-{uuid.uuid4()}")
    assert model in [listed["modelId"] for listed in device.ask("GET", "/v1/models")["models"]]
    device.enrol()

    call("POST", f"{DEVELOPMENT}/network/faults", [{"call": "download", "kind": "truncate", "bytes": 1_300_000}])
    opened, licence, connections = device.grant(model)
    assert opened == bytes_of_model and connections == 2
    assert device.grant(model, "1.0.0")[0] == bytes_of_model
    assert device.renew(licence)["exp"] >= licence["exp"]

    # Published within a second of the last it would be as new as that.
    time.sleep(1.1)
    changed = opened[:SIZE // 10 * 9] + os.urandom(SIZE - SIZE // 10 * 9)
    call("POST", f"{DEVELOPMENT}/models?model={model}&version=2.0.0&format=opaque", changed)
    assert device.grant(model, held=(licence["grantId"], opened))[0] == changed
    assert device.delivered_bytes < SIZE * 11 // 100

    about = {"model": model, "version": "1.0.0", "grant": licence["grantId"]}
    told = event("model.opened", **about)
    answer = device.report([event("app.started"), told], [licence["grantId"]])
    assert answer["accepted"] == 2 and answer["erase"] == []
    assert device.report([told])["accepted"] == 1  # the same id: known as one

    refusals = {
        "an event in another time's form": code_of(lambda: device.report([{**told, "occurredAt": "2026-11-26T14:00:00Z"}])),
        "an unknown model": code_of(lambda: device.grant("no-such-model")),
        "a spent challenge": code_of(lambda: spent(device)),
        "a proof over other bytes": code_of(lambda: forged(device)),
        "no attestation": code_of(lambda: unattested(device)),
    }
    call("POST", f"{DEVELOPMENT}/revocations?model={model}", b"")
    assert device.report([], [licence["grantId"]])["erase"] == [licence["grantId"]]
    assert code_of(lambda: device.grant(model)) == "model_unknown"
    return refusals


def spent(device):
    request = device.proven("events", events=[], held=[])
    device.ask("POST", "/v1/events", request)
    device.ask("POST", "/v1/events", request)


def forged(device):
    request = device.proven("events", events=[], held=[])
    other = device.proven("events", events=[event("rasp.checked")], held=[])
    device.ask("POST", "/v1/events", {**request, "proof": other["proof"]})


def unattested(device):
    other = Device(settings, device.platform, f"u-{uuid.uuid4()}")
    data = json.dumps({
        "type": "device.enroll",
        "challenge": other.challenge("device.enroll"),
        "platform": other.platform,
        **{name: other.app[name] for name in ("appId", "appVersion")},
    }).encode()
    other.ask("POST", "/v1/devices", {"clientData": to_base64url(data), "attestation": {"format": "none"}})


print(json.dumps({platform: life_of(platform) for platform in ("ios", "android")}))
