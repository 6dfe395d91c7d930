"""The vectors, by protocol.py: prints how many there were, and leaves with 1 where one is not as said."""

import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

import protocol
import releases
from protocol import SealError, from_base64url, sha256, to_base64url

FOLDER = pathlib.Path(__file__).parent.parent / "vectors"
failures = []
count = 0


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def check(name, found, wanted):
    global count
    count += 1
    if found != wanted:
        failures.append(f"{name}: {found!r} in place of {wanted!r}")


def code_of(work):
    try:
        work()
        return None
    except SealError as refusal:
        return refusal.code


def taker(data):
    return lambda offset, length: data[offset:offset + length]


sealing, refusals, requests, patches = load("sealing"), load("refusals"), load("requests"), load("patches")
pinned = {key["kid"]: key["jwk"] for key in sealing["pinnedKeys"]}
model = bytes.fromhex(sealing["model"])


def private_key_of(grant):
    secret = bytes.fromhex(grant["recipientPrivateKey"])
    if grant["suite"] == protocol.XWING_SUITE:
        return secret
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def accept(grant, change={}):
    encoded = {name: to_base64url(bytes.fromhex(grant[name])) for name in ("enc", "ct")}
    answer = {
        "grantId": change.get("grantId", sealing["claims"]["grantId"]),
        "sealedKey": {"suite": change.get("suite", grant["suite"]), **{name: change.get(name, encoded[name]) for name in encoded}},
        "manifest": sealing["manifest"],
        "licence": change.get("licence", sealing["licence"]),
    }
    asked = {
        "deviceId": change.get("expectedDeviceId", sealing["claims"]["deviceId"]),
        "model": change.get("expectedModel", sealing["claims"]["model"]),
        "version": change.get("expectedVersion", sealing["claims"]["version"]),
        "suite": grant["suite"],
    }
    return protocol.accept_grant(answer, asked, private_key_of(grant), pinned, change.get("now", sealing["now"]))


def install(grant, container):
    manifest, licence, content_key = accept(grant)
    return protocol.open_delivery(taker(container), len(container), manifest, licence, content_key)


cells = {name: bytes.fromhex(value) for name, value in sealing["cells"].items()}
check("cell", protocol.open_cell(cells["key"], cells["context"], cells["sealed"]), cells["plaintext"])
check("imprint", protocol.imprint(cells["key"], cells["context"], cells["plaintext"]), cells["imprinted"])
for row in sealing["keySchedule"]:
    keys = protocol.container_keys(bytes.fromhex(row["root"]), row["purpose"])
    check(f"keys of {row['purpose']}", [key.hex() for key in keys], [row["fileKey"], row["weightsKey"]])
vault = {name: bytes.fromhex(value) for name, value in sealing["vault"].items()}
check("vault", protocol.open_container(taker(vault["container"]), vault["dataKey"], "vault"), model)
for grant in sealing["grants"]:
    check(f"content key by {grant['suite']}", accept(grant)[2].hex(), grant["contentKey"])
    check(f"delivery by {grant['suite']}", install(grant, bytes.fromhex(grant["container"])), model)

first = sealing["grants"][0]
works = {
    "manifests": lambda row: protocol.verify_manifest(row["token"], pinned),
    "licences": lambda row: protocol.verify_licence(row["token"], pinned),
    "headers": lambda row: read_header(bytes.fromhex(row["header"])),
    "deliveries": lambda row: install(first, bytes.fromhex(row["container"])),
    "grants": lambda row: accept(first, row["change"]),
}


def read_header(data):
    rest = data[28:]
    header = protocol.Header(data[:28], lambda length: rest[:length])
    if len(header.bytes) != len(data):
        raise SealError("container-malformed")


for kind, work in works.items():
    for row in refusals[kind]:
        check(f"{kind}: {row['name']}", code_of(lambda: work(row)), row["code"])
for row in refusals["accepted"]:
    check(f"accepted: {row['name']}", code_of(lambda: protocol.verify_manifest(row["token"], pinned)), None)



def patched(patch):
    encoded = {name: to_base64url(bytes.fromhex(patches[name])) for name in ("enc", "ct")}
    answer = {**{name: patches[name] for name in ("grantId", "manifest", "licence")}, "sealedKey": {"suite": patches["suite"], **encoded}}
    asked = {"deviceId": sealing["claims"]["deviceId"], "model": "example", "version": "latest", "suite": patches["suite"]}
    manifest, licence, content_key = protocol.accept_grant(answer, asked, private_key_of(patches), pinned, sealing["now"])
    return protocol.open_delivery(taker(patch), len(patch), manifest, licence, content_key, base=model)


def read_recipe(row):
    return protocol.read_recipe(bytes.fromhex(row["recipe"]), row["chunkBytes"], row["position"], row["baseBytes"])


check("a patch", patched(bytes.fromhex(patches["patch"])).hex(), patches["model"])
for row in patches["refused"]:
    check(f"patches: {row['name']}", code_of(lambda: patched(bytes.fromhex(row["patch"]))), row["code"])
for row in patches["recipes"]:
    copies = [(copy["at"], copy["from"], copy["length"]) for copy in row["copies"]]
    check(f"recipes: {row['name']}", read_recipe(row), (bytes.fromhex(row["inserted"]), copies, row["end"]))
for row in patches["refusedRecipes"]:
    check(f"recipes: {row['name']}", code_of(lambda: read_recipe(row)), row["code"])

licence = protocol.verify_licence(sealing["licence"], pinned)


manifest = protocol.verify_manifest(sealing["manifest"], pinned)
TOLD = {"platform": "platform", "appVersion": "app", "osVersion": "os", "ramGb": "ram", "chip": "chip"}


def take_release(row):
    seen = releases.verify_release(row["seen"], pinned)["serial"] if row["seen"] else 0
    record = releases.require_current(row["token"], licence["model"], seen, pinned, row["now"])
    told = {"platform": "android", "appVersion": "2.1.0", **row["device"]}
    device = {"deviceId": licence["deviceId"], **{TOLD[name]: value for name, value in told.items()}}
    if row["isGrant"]:
        releases.require_offered(record, manifest, licence["manifestDigest"], device, row["isNewest"])


for row in load("releases")["rows"]:
    check(f"releases: {row['name']}", code_of(lambda: take_release(row)) or "done", row["code"])

for row in requests["clientData"]:
    data = from_base64url(row["clientData"])
    check("client data", json.loads(data), row["members"])
    check("its hash", [sha256(data).hex(), to_base64url(sha256(data))], [row["clientDataHash"], row["clientDataHashText"]])
proofs = requests["proofs"]
x, y = (int.from_bytes(from_base64url(proofs["publicKey"][name]), "big") for name in ("x", "y"))
attested = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
clientDataHash = bytes.fromhex(proofs["clientDataHash"])


def is_signed(signature, message):
    try:
        attested.verify(from_base64url(signature), message, ec.ECDSA(hashes.SHA256()))
        return True
    except (InvalidSignature, ValueError):
        return False


for row, message in zip(proofs["android"], (clientDataHash, to_base64url(clientDataHash).encode())):
    check(row["name"], is_signed(row["proof"]["signature"], message), True)
for row in proofs["refused"]:
    if "signature" in row["proof"]:
        check(row["name"], is_signed(row["proof"]["signature"], clientDataHash), False)

print(json.dumps({"vectors": count, "failures": failures}))
sys.exit(1 if failures else 0)
