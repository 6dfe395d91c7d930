package io.modelseal.protocol

import io.modelseal.DeviceTraits
import java.nio.ByteBuffer
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** All devices, in ten-thousandths. */
private const val EVERYBODY = 10_000L
internal const val MAX_RULES = 8
private val DOTTED_NUMBERS = Regex("\\d{1,9}(?:\\.\\d{1,9}){0,3}")
private val CHIP = Regex("[a-z0-9][a-z0-9 ._,-]{0,39}")
private val PLATFORMS = setOf("ios", "android")
private val CONDITIONS = setOf("platform", "app", "os", "ram", "chips")

/** A device as its requests name it. */
internal class RolloutDevice(
    val deviceId: String,
    val platform: String,
    val appVersion: String,
    val traits: DeviceTraits = DeviceTraits(),
)

/** From a version on, up to another one and without that. */
internal data class VersionRange(val min: String?, val below: String?)

/** Holds where every member does; one that is not known never does. */
internal data class Condition(
    val platform: String? = null,
    val app: VersionRange? = null,
    val os: VersionRange? = null,
    val ram: VersionRange? = null,
    val chips: List<String>? = null,
    val isUnknown: Boolean = false,
)

/** A file that is on offer. */
internal data class Variant(val version: String, val manifestDigest: String, val condition: Condition? = null)

/** What is on offer to which devices (docs/mobile/protocol.md section 8). */
internal data class Rule(
    val name: String,
    val share: Long,
    val condition: Condition?,
    val variants: List<Variant>,
    val isHalted: Boolean = false,
) {
    val isForAll get() = share == EVERYBODY && condition == null && !isHalted && variants.last().condition == null
}

/** The file that is the device's; null only where no rule is for all. */
internal fun offerFor(model: String, rules: List<Rule>, device: RolloutDevice): Variant? =
    rules.firstNotNullOfOrNull { rule ->
        val isIn = !rule.isHalted && rule.condition.holds(device) &&
            (rule.share == EVERYBODY || placeOf(model, rule.name, device.deviceId) < rule.share)
        if (isIn) rule.variants.find { it.condition.holds(device) } else null
    }

private fun Condition?.holds(device: RolloutDevice): Boolean = this == null || !isUnknown &&
    (platform == null || platform == device.platform) &&
    app.holds(device.appVersion) &&
    os.holds(device.traits.osVersion) &&
    ram.holds(device.traits.ramGb?.toString()) &&
    (chips == null || device.traits.chip in chips)

private fun VersionRange?.holds(version: String?): Boolean = this == null ||
    version != null && (min == null || !isOlder(version, min)) && (below == null || isOlder(version, below))

/** From 0 to 9,999. */
private fun placeOf(model: String, name: String, deviceId: String): Long {
    val parts = listOf("modelseal/1 rollout", model, name, deviceId).map { it.toByteArray() }
    val hash = sha256(lengthPrefixed(*parts.toTypedArray()))
    return (ByteBuffer.wrap(hash).getInt().toLong() and 0xffff_ffffL) % EVERYBODY
}

/** By numbers, from the left; what is missing is 0. */
private fun isOlder(version: String, than: String): Boolean {
    val (left, right) = listOf(version, than).map { it.split('.').map(String::toLong) }
    for (i in 0 until 4) {
        val difference = left.getOrElse(i) { 0 } - right.getOrElse(i) { 0 }
        if (difference != 0L) return difference < 0
    }
    return false
}

/** One element of `offered`, as the rule that it means. Throws `token-malformed`. */
internal fun readOffer(offer: JsonObject): Rule {
    val platform = offer.platform()
    val app = offer.dotted("minAppVersion")?.let { VersionRange(it, null) }
    val file = readFile(offer, null)
    val share = if ("share" in offer) offer.whole("share", 1..EVERYBODY) else EVERYBODY
    val condition = Condition(platform, app).takeIf { platform != null || app != null }
    return Rule(file.version, share, condition, listOf(file))
}

/** One element of `rules`. Throws `token-malformed`. */
internal fun readRule(rule: JsonObject): Rule {
    val variants = rule.objects("variants", 1..4).map { readFile(it, it.condition()) }
    for (name in listOf("since", "paused", "halted")) if (name in rule) rule.date(name)
    if ("steps" in rule) for (step in rule.objects("steps", 0..8)) {
        step.date("at")
        step.whole("share", 1..EVERYBODY)
    }
    return Rule(rule.identifier("name"), rule.whole("share", 0..EVERYBODY), rule.condition(), variants, "halted" in rule)
}

/** The rules in the words of the first readers: none that they would take for one for more devices. */
internal fun offersOf(rules: List<Rule>): List<Rule> {
    val some = rules.dropLast(1).filter { rule ->
        val file = rule.variants.singleOrNull()
        val condition = rule.condition ?: Condition()
        val asksMore = with(condition) { os != null || ram != null || chips != null || isUnknown || app?.below != null }
        file?.version == rule.name && file.condition == null && !asksMore && !rule.isHalted && rule.share > 0
    }
    val last = rules.last().variants.last()
    return some + Rule(last.version, EVERYBODY, null, listOf(last))
}

/** The objects of a list that has so many. Throws `token-malformed`. */
internal fun JsonObject.objects(name: String, count: IntRange): List<JsonObject> {
    val found = list(name)
    if (found.size !in count) throw malformed(name)
    return found.map { it as? JsonObject ?: throw malformed(name) }
}

/** Up to so many texts of this form; null where there are none. Throws `token-malformed`. */
internal fun JsonObject.textsOrNull(name: String, max: Int, form: Regex): List<String>? {
    if (name !in this) return null
    val texts = list(name).map { (it as? JsonPrimitive)?.takeIf(JsonPrimitive::isString)?.content }
    if (texts.size !in 1..max) throw malformed(name)
    return texts.map { it?.takeIf(form::matches) ?: throw malformed(name) }
}

private fun readFile(file: JsonObject, condition: Condition?) =
    Variant(file.identifier("version"), file.digest("manifestDigest").toBase64url(), condition)

private fun JsonObject.condition(): Condition? {
    if ("when" !in this) return null
    val members = inner("when")
    if (members.isEmpty()) throw malformed("when")
    // Its other members may have got other forms, too.
    if (!CONDITIONS.containsAll(members.keys)) return Condition(isUnknown = true)
    return with(members) { Condition(platform(), range("app"), range("os"), range("ram"), textsOrNull("chips", 16, CHIP)) }
}

private fun JsonObject.range(name: String): VersionRange? {
    if (name !in this) return null
    val range = with(inner(name)) { VersionRange(dotted("min"), dotted("below")) }
    return range.takeIf { it.min != null || it.below != null } ?: throw malformed(name)
}

private fun JsonObject.platform(): String? =
    if ("platform" in this) text("platform")?.takeIf { it in PLATFORMS } ?: throw malformed("platform") else null

private fun JsonObject.dotted(name: String): String? =
    if (name in this) text(name)?.takeIf(DOTTED_NUMBERS::matches) ?: throw malformed(name) else null
