package io.modelseal.api

/** The challenge for a grant that came with the last answer, in memory only: once, for who asked then, while it lives. */
internal class NextChallenge(private val nowMs: () -> Long) {
    private class Kept(val challenge: String, val token: String, val fromMs: Long, val untilMs: Long)

    private var kept: Kept? = null

    /** `header`: `Next-Challenge` of an answer to `token`. */
    @Synchronized
    fun note(header: String?, token: String) {
        val (challenge, seconds) = NEXT_CHALLENGE.matchEntire(header ?: return)?.destructured ?: return
        val fromMs = nowMs()
        kept = Kept(challenge, token, fromMs, fromMs + seconds.toLong() * 1000 - MARGIN_MS)
    }

    /** Null where there is none, or it is another user's, or over, or the clock was set back. */
    @Synchronized
    fun take(token: String): String? {
        val last = kept.also { kept = null } ?: return null
        val nowMs = nowMs()
        return last.challenge.takeIf { last.token == token && nowMs >= last.fromMs && nowMs < last.untilMs }
    }

    private companion object {
        /** A string and its parameter, as https://www.rfc-editor.org/rfc/rfc9651 writes them. */
        val NEXT_CHALLENGE = Regex("\"([A-Za-z0-9_-]{1,256})\"; *lifetime=([0-9]{1,4})")

        /** On its way to the service a challenge still has to live. */
        const val MARGIN_MS = 30_000L
    }
}
