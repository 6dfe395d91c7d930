package io.modelseal.api

import io.modelseal.ApiException
import io.modelseal.PlatformBusyException
import kotlin.random.Random
import kotlinx.coroutines.delay

/** What is tried again, and how long. */
internal class RetryPolicy(
    /** Attempts after the first. */
    val retries: Int = 3,
    val baseDelayMs: Long = 400,
    /** A server that asks to wait longer than this is not waited for: the error goes to the app. */
    val maxDelayMs: Long = 10_000,
)

/** Statuses after which the same request, made again, can succeed. */
private val TRANSIENT = setOf(0, 408, 429, 500, 502, 503, 504)

/** Codes among them that no repetition mends. */
private val FINAL = setOf("token_unavailable", "attestation_unavailable", "quota_exceeded", "clock_wrong")

/** Refusals that a fresh challenge mends. */
internal val SPENT_CHALLENGE = setOf("challenge_spent", "challenge_invalid")

internal fun isTransient(error: Throwable): Boolean =
    error is PlatformBusyException ||
        error is ApiException && error.code !in FINAL && (error.status in TRANSIENT || error.code in SPENT_CHALLENGE)

/**
 * Runs `attempt`, again after transient refusals and while the platform is busy: after what Retry-After
 * says, else after exponential backoff with full jitter, so that a fleet that failed together does not
 * return together. `except`: codes that this attempt does not mend.
 */
internal suspend fun <T> withRetry(
    policy: RetryPolicy,
    except: Set<String> = emptySet(),
    pause: suspend (Long) -> Unit = { delay(it) },
    attempt: suspend () -> T,
): T {
    var failures = 0
    while (true) {
        try {
            return attempt()
        } catch (error: Exception) {
            if (!isTransient(error) || failures >= policy.retries) throw error
            if (error is ApiException && error.code in except) throw error
            val asked = (error as? ApiException)?.retryAfterSeconds
            if (asked != null && asked * 1000 > policy.maxDelayMs) throw error
            val jitter = Random.nextDouble() * policy.baseDelayMs
            pause(if (asked == null) (jitter * (1 shl failures)).toLong() else asked * 1000 + jitter.toLong())
            failures++
        }
    }
}
