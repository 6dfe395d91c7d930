"""Release records: docs/mobile/protocol.md, sections 8 and 10, by somebody who has read nothing else."""

import re

from protocol import SealError, digest_of, lp, member, pinned_payload, require_v1, sha256

ALL = 10000
DOTTED = r"\d{1,9}(?:\.\d{1,9}){0,3}"


def malformed(name):
    return SealError("token-malformed", name)


def many(payload, name, most, least=1):
    values = member(payload, name, list)
    if not least <= len(values) <= most:
        raise malformed(name)
    return values


def matched(payload, name, form):
    value = member(payload, name, str)
    if not re.fullmatch(form, value):
        raise malformed(name)
    return value


def verify_release(token, pinned):
    payload = pinned_payload(token, "modelseal-release+jwt", "manifest", pinned)
    require_v1(payload)
    member(payload, "model", str)
    member(payload, "serial", int)
    for name in ("iat", "exp"):
        member(payload, name, int, 0)
    offered = [read_offer(offer) for offer in many(payload, "offered", 8)]
    told = "rules" in payload
    rules = [read_rule(rule) for rule in many(payload, "rules", 8)] if told else [rule_of(offer) for offer in offered]
    last = rules[-1]
    is_for_all = last["share"] == ALL and not last["when"] and not last["halted"] and not last["variants"][-1]["when"]
    if not is_for_all or told and offered != offers_of(rules):
        raise malformed("offered")
    least = member(payload, "minPublishedAt", int, 0) if "minPublishedAt" in payload else 0
    revoked = many(payload, "revoked", 64) if "revoked" in payload else []
    if not all(isinstance(version, str) and version for version in revoked):
        raise malformed("revoked")
    return {**payload, "rules": rules, "minPublishedAt": least, "revoked": revoked}


def read_file(payload):
    digest_of(payload, "manifestDigest")
    return {"version": member(payload, "version", str), "manifestDigest": payload["manifestDigest"]}


def read_offer(payload):
    offer = read_file(payload)
    if "share" in payload:
        offer["share"] = member(payload, "share", int, 1, ALL)
    if "platform" in payload:
        offer["platform"] = matched(payload, "platform", "ios|android")
    if "minAppVersion" in payload:
        offer["minAppVersion"] = matched(payload, "minAppVersion", DOTTED)
    return offer


def rule_of(offer):
    when = {"platform": offer["platform"]} if "platform" in offer else {}
    if "minAppVersion" in offer:
        when["app"] = {"min": offer["minAppVersion"]}
    file = {name: offer[name] for name in ("version", "manifestDigest")}
    variant = {**file, "when": None}
    return {"name": offer["version"], "share": offer.get("share", ALL), "when": when or None, "variants": [variant], "halted": False}


def offers_of(rules):
    """What readers are told who know no rules."""
    offers = []
    for rule in rules[:-1]:
        when, variant = rule["when"] or {}, rule["variants"][0]
        is_simple = len(rule["variants"]) == 1 and not variant["when"] and variant["version"] == rule["name"]
        asks_more = set(when) - {"platform", "app"} or "below" in when.get("app", {})
        if not is_simple or asks_more or rule["halted"] or rule["share"] == 0:
            continue
        offer = {name: variant[name] for name in ("version", "manifestDigest")}
        if rule["share"] < ALL:
            offer["share"] = rule["share"]
        if "platform" in when:
            offer["platform"] = when["platform"]
        if "app" in when:
            offer["minAppVersion"] = when["app"]["min"]
        offers.append(offer)
    last = rules[-1]["variants"][-1]
    return [*offers, {name: last[name] for name in ("version", "manifestDigest")}]


def read_rule(payload):
    for name in ("since", "paused", "halted"):
        if name in payload:
            member(payload, name, int, 0)
    if "steps" in payload:
        for step in many(payload, "steps", 8, 0):
            member(step, "at", int, 0), member(step, "share", int, 1, ALL)
    return {
        "name": member(payload, "name", str),
        "share": member(payload, "share", int, 0, ALL),
        "when": read_condition(payload),
        "variants": [{**read_file(each), "when": read_condition(each)} for each in many(payload, "variants", 4)],
        "halted": "halted" in payload,
    }


def read_condition(holder):
    """None where nothing is asked for."""
    if "when" not in holder:
        return None
    when = member(holder, "when", dict)
    if not when:
        raise malformed("when")
    if set(when) - {"platform", "app", "os", "ram", "chips"}:
        return {"unknown": True}
    if "platform" in when:
        matched(when, "platform", "ios|android")
    for name in {"app", "os", "ram"} & set(when):
        bounds = member(when, name, dict)
        if not {"min", "below"} & set(bounds):
            raise malformed(name)
        for bound in {"min", "below"} & set(bounds):
            matched(bounds, bound, DOTTED)
    if "chips" in when and not all(isinstance(chip, str) and chip == chip.lower() for chip in many(when, "chips", 16)):
        raise malformed("chips")
    return when


def numbers(version):
    parts = [int(part) for part in version.split(".")]
    return parts + [0] * (4 - len(parts))


def holds(when, device):
    """`device` has platform, app and deviceId, and of os, ram and chip what it told."""
    for name, wanted in (when or {}).items():
        told = device.get({"chips": "chip"}.get(name, name))
        if told is None:
            return False
        if name in ("platform", "chips"):
            fits = told in wanted if name == "chips" else told == wanted
        else:
            version = numbers(str(told))
            fits = ("min" not in wanted or version >= numbers(wanted["min"])) and (
                "below" not in wanted or version < numbers(wanted["below"]))
        if not fits:
            return False
    return True


def place_of(model, rule, device_id):
    digest = sha256(lp("modelseal/1 rollout", model, rule, device_id))
    return int.from_bytes(digest[:4], "big") % ALL


def own_version(record, device):
    for rule in record["rules"]:
        if rule["halted"] or not holds(rule["when"], device):
            continue
        if rule["share"] < ALL and place_of(record["model"], rule["name"], device["deviceId"]) >= rule["share"]:
            continue
        for variant in rule["variants"]:
            if holds(variant["when"], device):
                return variant["version"], variant["manifestDigest"]
    raise malformed("rules")


# Section 10

def require_current(token, model, seen_serial, pinned, now):
    """A record of a grant, a renewal or a list; what fails changes nothing of what was seen."""
    record = verify_release(token, pinned)
    if record["model"] != model:
        raise SealError("token-mismatch", "a record of another model")
    if record["serial"] < seen_serial:
        raise SealError("release-rolled-back")
    if now >= record["exp"]:
        raise SealError("release-expired")
    return record


def require_offered(record, manifest, manifest_digest, device, is_latest):
    """`is_latest`: the newest was asked for, and no version by its name."""
    if manifest["version"] in record["revoked"] or manifest["publishedAt"] < record["minPublishedAt"]:
        raise SealError("token-mismatch", "taken back")
    if is_latest and own_version(record, device) != (manifest["version"], manifest_digest):
        raise SealError("token-mismatch", "not on offer")
