package io.modelseal

import io.modelseal.protocol.softwareRecipientKey
import okhttp3.OkHttpClient

/** A current user token of the identity provider; asked for at each call. */
public fun interface UserToken {
    /** With `forceRefresh` after the service refused the last one: give a new one, not that of a cache. */
    public suspend fun get(forceRefresh: Boolean): String
}

/** When a newer version takes the place of the copy that is there. */
public enum class UpdatePolicy {
    /** `get` asks for the newest first, and goes on with the copy that is there where nobody answers. */
    NOW,

    /** `refresh` fetches it beside the copy that is there, which this ModelSeal goes on to open. */
    NEXT_LAUNCH,

    /** As NEXT_LAUNCH, but only while `isUnmetered` says so. */
    WIFI,
}

/** What a [ModelSeal] is made of. */
public class ModelSealConfig(
    /** Such as `https://models.example.com`. */
    public val baseUrl: String,
    /** Whoever is signed in, by any name that stays: copies of one account open for no other. */
    public val account: String,
    /** Gives the token of whoever is signed in. */
    public val userToken: UserToken,
    /** Attests and proves: on a phone its Keystore. */
    public val platform: DevicePlatform,
    /** Wraps the keys of stored models. */
    public val hardwareKey: HardwareKey,
    /** Where copies lie, encrypted. */
    public val storage: ModelStorage,
    /**
     * The publisher's and the licence keys, pinned in the app at build time: of each purpose the one that
     * signs and those that are announced, so that the app works on when they are rotated.
     */
    public val pinnedKeys: List<VerificationKey>,
    /** When a newer version is fetched and used. */
    public val updates: UpdatePolicy = UpdatePolicy.NEXT_LAUNCH,
    /** Whether large downloads cost the user nothing now; where it is not said, [UpdatePolicy.WIFI] fetches nothing. */
    public val isUnmetered: () -> Boolean = { false },
    /** Makes the ephemeral key of one grant: in secure hardware where that can be. */
    public val createRecipientKey: suspend () -> RecipientKey = { softwareRecipientKey() },
    /** Its connections, timeouts, pins and proxy are used; redirects are never followed. */
    public val http: OkHttpClient = OkHttpClient(),
    /** The device's clock, in milliseconds since 1970. */
    public val nowMs: () -> Long = System::currentTimeMillis,
)
