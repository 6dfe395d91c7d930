package io.modelseal

private val KID = Regex("(?:manifest|licence)\\.[1-9][0-9]{0,9}")

/**
 * The keys, once they can be a set of pins: each under its own name, and for either purpose at least one.
 * A second key under a name would be a key that nobody looks at, until the first is taken out. Throws
 * IllegalArgumentException: a mistake of the build, not of the phone.
 */
internal fun requirePins(keys: List<VerificationKey>): List<VerificationKey> {
    for (key in keys) require(KID.matches(key.kid)) { "not the name of a pinned key: ${key.kid}" }
    require(keys.distinctBy(VerificationKey::kid).size == keys.size) { "two pinned keys of one name" }
    for (purpose in listOf("manifest", "licence")) {
        require(keys.any { it.kid.startsWith("$purpose.") }) { "no pinned $purpose key" }
    }
    return keys
}
