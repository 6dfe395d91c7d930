"""docs/mobile/protocol.md, sections 3 to 8 and 10, by somebody who has read nothing else."""

import base64
import hashlib
import hmac
import json
import re
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

P256_SUITE = "P256-HKDF-SHA256-AES256GCM"
XWING_SUITE = "XWING-HKDF-SHA256-AES256GCM"


class SealError(Exception):
    """Section 11: something on the device is not what was promised."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code}: {detail}")
        self.code = code


# Section 2

def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    """The bytes, or None for any spelling but the canonical one."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if to_base64url(data) == text else None


def lp(*parts):
    parts = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


# Section 3

def kdf(key, label, context):
    return mac(key, b"\0\0\0\1" + label + b"\0" + context)


def open_cell(key, context, cell):
    """The message, or None where the cell is not one of this key and context."""
    if len(cell) < 45 or struct.unpack("<IIII", cell[:16]) != (0x40010100, 12, 16, len(cell) - 44):
        return None
    length = struct.pack("<I", len(cell) - 44)
    message_key = kdf(key, b"Themis secure cell message key", length + context)
    try:
        return AESGCM(message_key).decrypt(cell[16:28], cell[44:] + cell[28:44], context)
    except InvalidTag:
        return None


def imprint(key, context, message):
    length = struct.pack("<I", len(message))
    message_key = kdf(key, b"Themis secure cell message key", length)
    counter = kdf(message_key, b"Themis secure cell message iv", context)[:16]
    return Cipher(algorithms.AES(message_key), modes.CTR(counter)).encryptor().update(message)


# Section 4

def derive(root, info):
    return mac(mac(b"\0" * 32, root), info + b"\1")


def container_keys(root, purpose):
    return tuple(derive(root, f"modelseal/1 {purpose} {part}".encode()) for part in ("file", "weights"))


# Section 5

class Header:
    def __init__(self, prefix, take):
        """Reads a header whose first 28 bytes are `prefix`; `take` gives as many more bytes as are asked for."""
        if len(prefix) < 28 or prefix[:8] != b"MDLSEAL\x1a":
            raise SealError("container-malformed", "not a container")
        version, flags, self.chunk_bytes, self.size, count = struct.unpack(">HHIQI", prefix[8:28])
        if version != 1 or flags > 1:
            raise SealError("version-unsupported")
        if count > 65536:
            raise SealError("container-malformed", "layers")
        rest = take(20 * count)
        if len(rest) != 20 * count:
            raise SealError("container-malformed", "header")
        self.imprinted = flags == 1
        self.layers = [struct.unpack(">IQQ", rest[at:at + 20]) for at in range(0, len(rest), 20)]
        self.bytes = prefix + rest
        is_sized = 64 <= self.chunk_bytes <= 1 << 24 and 1 <= self.size < 1 << 53
        if not is_sized or self.chunks > 0xFFFFFFFF or not are_sound(self.layers, self.size):
            raise SealError("container-malformed", "sizes")

    @property
    def chunks(self):
        return -(-self.size // self.chunk_bytes)

    @property
    def container_bytes(self):
        return len(self.bytes) + self.size + 44 * self.chunks


def are_sound(layers, size):
    end = 0
    for index, offset, length in layers:
        if offset < end or not 1 <= length <= 0xFFFFFFFF or offset + length > size:
            return False
        end = offset + length
    return len({index for index, _, _ in layers}) == len(layers)


def open_container(take, root, purpose, accept=lambda header: None):
    """The model. `take(offset, count)` gives bytes of the container."""
    at = 28

    def more(count):
        nonlocal at
        at += count
        return take(at - count, count)

    header = Header(take(0, 28), more)
    accept(header)
    file_key, weights_key = container_keys(root, purpose)
    model = bytearray()
    for index in range(header.chunks):
        length = min(header.chunk_bytes, header.size - len(model)) + 44
        is_last = index == header.chunks - 1
        context = sha256(header.bytes) + struct.pack(">IB", index, is_last)
        plain = open_cell(file_key, context, take(at, length))
        if plain is None:
            raise SealError("chunk-forged", f"chunk {index}")
        model += plain
        at += length
    if header.imprinted:
        for index, offset, length in header.layers:
            context = b"modelseal/1 layer " + struct.pack(">I", index)
            model[offset:offset + length] = imprint(weights_key, context, bytes(model[offset:offset + length]))
    return bytes(model)


def read_number(recipe, at):
    value = 0
    for digit in range(8):
        if at >= len(recipe):
            raise SealError("patch-malformed", "ends within a step")
        value |= (recipe[at] & 0x7F) << 7 * digit
        at += 1
        if recipe[at - 1] < 0x80:
            if value >= 1 << 53:
                break
            return value, at
    raise SealError("patch-malformed", "number")


def read_recipe(recipe, size, position, base_size):
    """What is inserted, at its place in a chunk of `size` zeros; what to copy, as (place, place in the base, length); and where the next begins."""
    chunk, copies, made, at = bytearray(size), [], 0, 0
    while at < len(recipe):
        skip, at = read_number(recipe, at)
        copy, at = read_number(recipe, at)
        insert, at = read_number(recipe, at)
        position += skip
        if copy + insert == 0 or made + copy + insert > size or position + copy > base_size or at + insert > len(recipe):
            raise SealError("patch-malformed", "step")
        if copy:
            copies.append((made, position, copy))
        position += copy
        chunk[made + copy:made + copy + insert] = recipe[at:at + insert]
        made += copy + insert
        at += insert
    if made != size:
        raise SealError("patch-malformed", "not its chunk")
    return chunk, copies, position


def read_patch_header(take, base):
    prefix = bytearray(take(0, 28))
    if len(prefix) == 28 and not prefix[11] & 2:
        raise SealError("container-malformed", "no patch")
    if len(prefix) == 28:
        prefix[11] &= ~2
    at = 28

    def more(count):
        nonlocal at
        at += count
        return take(at - count, count)

    header = Header(bytes(prefix), more)
    digest = more(32)
    if digest != sha256(base):
        raise SealError("base-mismatch")
    prefix[11] |= 2
    return header, bytes(prefix) + header.bytes[28:] + digest


def open_patch(take, size, root, base, accept=lambda header: None):
    """The model that a patch of `size` bytes makes of the copy in `base`."""
    header, head = read_patch_header(take, base)
    accept(header)
    file_key, weights_key = container_keys(root, "delivery")
    model, filled, at, position = bytearray(), [], len(head), 0
    for index in range(header.chunks):
        length = min(header.chunk_bytes, header.size - len(model))
        if at + 44 > size:
            raise SealError("container-truncated")
        start = take(at, 44)
        count, = struct.unpack("<I", start[12:16])
        if not 1 <= count <= length + 16 or at + 44 + count > size:
            raise SealError("chunk-forged", "length")
        context = sha256(head) + struct.pack(">IB", index, index == header.chunks - 1)
        recipe = open_cell(file_key, context, start + take(at + 44, count))
        if recipe is None:
            raise SealError("chunk-forged", f"chunk {index}")
        at += 44 + count
        if index == header.chunks - 1 and at != size:
            raise SealError("container-malformed", "bytes behind the end")
        chunk, copies, position = read_recipe(recipe, length, position, len(base))
        filled += [(len(model) + place, origin, run) for place, origin, run in copies]
        model += chunk
    if header.imprinted:
        for index, offset, length in header.layers:
            context = b"modelseal/1 layer " + struct.pack(">I", index)
            model[offset:offset + length] = imprint(weights_key, context, bytes(model[offset:offset + length]))
    for place, origin, run in filled:
        model[place:place + run] = base[origin:origin + run]
    return bytes(model)


# Section 7

def labeled_extract(suite_id, salt, label, ikm):
    return mac(salt or b"\0" * 32, b"HPKE-v1" + suite_id + label + ikm)


def labeled_expand(suite_id, prk, label, info, length):
    return mac(prk, struct.pack(">H", length) + b"HPKE-v1" + suite_id + label + info + b"\1")[:length]


def decap_p256(private_key, enc):
    public = point_of(private_key.public_key())
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)
    shared = private_key.exchange(ec.ECDH(), peer)
    suite_id = b"KEM" + struct.pack(">H", 0x0010)
    prk = labeled_extract(suite_id, b"", b"eae_prk", shared)
    return labeled_expand(suite_id, prk, b"shared_secret", enc + public, 32)


def decap_xwing(seed, enc):
    """draft-connolly-cfrg-xwing-kem, section 5."""
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    lattice_ct, curve_ct = enc[:1088], enc[1088:]
    shared = curve.exchange(X25519PublicKey.from_public_bytes(curve_ct))
    own = curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(lattice.decapsulate(lattice_ct) + shared + curve_ct + own + b"\\.//^\\").digest()


KEMS = {P256_SUITE: (0x0010, decap_p256, 65), XWING_SUITE: (0x647A, decap_xwing, 1120)}


def hpke_open(suite, private_key, enc, ct, info, aad):
    kem, decap, enc_bytes = KEMS[suite]
    suite_id = b"HPKE" + struct.pack(">HHH", kem, 0x0001, 0x0002)
    try:
        if len(enc) != enc_bytes:
            raise ValueError("enc")
        shared = decap(private_key, enc)
        psk_id = labeled_extract(suite_id, b"", b"psk_id_hash", b"")
        context = b"\0" + psk_id + labeled_extract(suite_id, b"", b"info_hash", info)
        secret = labeled_extract(suite_id, shared, b"secret", b"")
        key = labeled_expand(suite_id, secret, b"key", context, 32)
        nonce = labeled_expand(suite_id, secret, b"base_nonce", context, 12)
        return AESGCM(key).decrypt(nonce, ct, aad)
    except (ValueError, InvalidTag) as cause:
        raise SealError("key-refused") from cause


def point_of(public_key):
    numbers = public_key.public_numbers()
    return b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


# Section 8

def parse_jws(token, typ, members):
    parts = token.split(".")
    if len(parts) != 3:
        raise SealError("token-malformed")
    decoded = [from_base64url(part) for part in parts]
    if None in decoded:
        raise SealError("token-malformed", "base64url")
    try:
        header, payload = json.loads(decoded[0]), json.loads(decoded[1])
    except ValueError as cause:
        raise SealError("token-malformed", "JSON") from cause
    is_sound = (
        isinstance(header, dict) and isinstance(payload, dict)
        and header.get("alg") == "ES256" and header.get("typ") == typ
        and set(header) <= {"alg", "typ", *members}
    )
    if not is_sound:
        raise SealError("token-malformed", "header or payload")
    return header, payload, f"{parts[0]}.{parts[1]}".encode(), decoded[2]


def require_signature(jwk, message, signature):
    try:
        x, y = (int.from_bytes(from_base64url(jwk[name]), "big") for name in ("x", "y"))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        if len(signature) != 64:
            raise InvalidSignature
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as cause:
        raise SealError("signature-invalid") from cause


def pinned_payload(token, typ, purpose, pinned):
    header, payload, message, signature = parse_jws(token, typ, {"kid"})
    kid = header.get("kid")
    jwk = pinned.get(kid) if isinstance(kid, str) and kid.startswith(f"{purpose}.") else None
    if jwk is None:
        raise SealError("signer-untrusted", str(kid))
    require_signature(jwk, message, signature)
    return payload


def member(payload, name, kind, low=1, high=(1 << 53) - 1):
    value = payload.get(name) if isinstance(payload, dict) else None
    is_sound = isinstance(value, kind) and not isinstance(value, bool)
    if is_sound and kind is str:
        is_sound = len(value) >= 1
    if is_sound and kind is int:
        is_sound = low <= value <= high
    if not is_sound:
        raise SealError("token-malformed", name)
    return value


def digest_of(payload, name):
    value = from_base64url(member(payload, name, str))
    if value is None or len(value) != 32:
        raise SealError("token-malformed", name)
    return value


def require_v1(payload):
    if member(payload, "v", int) != 1:
        raise SealError("token-malformed", "v")


def verify_manifest(token, pinned):
    payload = pinned_payload(token, "modelseal-manifest+jwt", "manifest", pinned)
    require_v1(payload)
    for name in ("model", "version", "format"):
        member(payload, name, str)
    size = member(payload, "sizeBytes", int)
    digest_of(payload, "sha256")
    member(payload, "publishedAt", int, 0)
    policy = member(payload, "policy", dict)
    if policy.get("tracing", "off") not in ("off", "light", "standard", "resistant"):
        raise SealError("token-malformed", "tracing")
    for name in ("licenceSeconds", "offlineGraceSeconds"):
        member(policy, name, int, 0)
    layers = layers_of(payload)
    if not are_sound(layers, size):
        raise SealError("token-malformed", "layers")
    return payload


def layers_of(manifest):
    return [
        (member(layer, "index", int, 0, 0xFFFFFFFF), member(layer, "offset", int, 0), member(layer, "length", int))
        for layer in member(manifest, "layers", list)
    ]


def verify_licence(token, pinned):
    header, payload, message, signature = parse_jws(token, "modelseal-licence+jwt", {"delegate"})
    certificate = pinned_payload(member(header, "delegate", str), "modelseal-delegate+jwt", "licence", pinned)
    jwk = member(certificate, "jwk", dict)
    digest_of(jwk, "x"), digest_of(jwk, "y")
    begins, ends, until = (member(certificate, name, int, 0) for name in ("nbf", "exp", "licencesUntil"))
    require_signature(jwk, message, signature)
    require_v1(payload)
    for name in ("grantId", "userId", "deviceId", "model", "version"):
        member(payload, name, str)
    for name in ("manifestDigest", "sha256"):
        digest_of(payload, name)
    issued, _, exp, grace = (member(payload, name, int, 0) for name in ("iat", "nbf", "exp", "offlineGraceSeconds"))
    if not begins <= issued <= ends or exp + grace > until:
        raise SealError("signer-untrusted", "outside what its certificate lets it")
    return payload


# Section 10

def accept_grant(answer, asked, private_key, pinned, now):
    """Steps 1 to 4. Gives manifest, licence and the content key."""
    manifest = verify_manifest(answer["manifest"], pinned)
    licence = verify_licence(answer["licence"], pinned)
    manifest_digest = sha256(answer["manifest"].encode())
    is_asked = (
        licence["model"] == manifest["model"] == asked["model"]
        and licence["version"] == manifest["version"]
        and asked["version"] in ("latest", manifest["version"])
        and digest_of(licence, "manifestDigest") == manifest_digest
        and licence["grantId"] == answer["grantId"] and licence["deviceId"] == asked["deviceId"]
        and answer["sealedKey"]["suite"] == asked["suite"]
    )
    is_marked = manifest["policy"].get("tracing", "off") != "off"
    if not is_asked or not (is_marked or licence["sha256"] == manifest["sha256"]):
        raise SealError("token-mismatch")
    if now < licence["nbf"]:
        raise SealError("licence-not-yet-valid")
    if now >= licence["exp"] + licence["offlineGraceSeconds"]:
        raise SealError("licence-expired")
    enc, ct = from_base64url(answer["sealedKey"]["enc"]), from_base64url(answer["sealedKey"]["ct"])
    if enc is None or ct is None:
        raise SealError("key-refused")
    names = ("grantId", "userId", "deviceId", "model", "version")
    info = lp("modelseal/1 grant", asked["suite"], *(licence[name] for name in names), manifest_digest, str(licence["exp"]))
    aad = sha256(answer["licence"].encode())
    return manifest, licence, hpke_open(asked["suite"], private_key, enc, ct, info, aad)


def open_delivery(take, size_bytes, manifest, licence, content_key, base=None):
    """Steps 5 and 6; `base` is the copy that the delivery is a patch of."""
    def accept(header):
        if not header.imprinted or header.size != manifest["sizeBytes"] or header.layers != layers_of(manifest):
            raise SealError("token-mismatch", "another layout")
        if base is None and header.container_bytes != size_bytes:
            raise SealError("container-malformed", "size")

    if base is None:
        model = open_container(take, content_key, "delivery", accept)
    else:
        model = open_patch(take, size_bytes, content_key, base, accept)
    if to_base64url(sha256(model)) != licence["sha256"]:
        raise SealError("digest-mismatch")
    return model
