package io.modelseal.store

import io.modelseal.ApiException
import io.modelseal.ClientEvent
import io.modelseal.DeviceClient
import io.modelseal.Manifest
import io.modelseal.ModelSeal.Companion.LATEST
import io.modelseal.ModelSealConfig
import io.modelseal.Progress
import io.modelseal.Reports
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.api.ApiClient
import io.modelseal.api.Download
import io.modelseal.api.RetryPolicy
import io.modelseal.protocol.isWithdrawn
import io.modelseal.protocol.offerFor
import java.util.concurrent.ConcurrentHashMap

/** Room that a model needs beside its own bytes. */
private const val SPARE_BYTES = 8L shl 20

/** From a model's name to a complete copy: by going on with what was begun, else by one new grant. */
internal class Fetcher(
    private val api: ApiClient,
    private val client: DeviceClient,
    private val store: ModelStore,
    private val retry: RetryPolicy,
    private val reports: Reports,
    private val config: ModelSealConfig,
) {
    /** Grants of whose opening this launch has told. */
    private val opened = ConcurrentHashMap.newKeySet<String>()

    /** The grant of the complete copy. */
    suspend fun fetch(model: String, version: String?, onProgress: Progress): String {
        val begun = begun(model, version ?: LATEST)
        if (begun == null) requireRoom(model, version)
        val first = begun ?: grant(model, version, base = base(model))
        try {
            return install(first, onProgress)
        } catch (error: ApiException) {
            // Its URL has ended or does not answer: one new grant, and no more.
            if (error.code !in GRANT_ANEW) throw error
        } catch (error: SealException) {
            // Whatever is wrong with a patch or its base, the whole will do; what is out of reach now comes back.
            if (first.base == null || isTransient(error)) throw error
        }
        // The whole, which needs nothing that lies here.
        return install(grant(model, version, earlier = Installation.resume(store, first.grantId)), onProgress)
    }

    /** Learns the publisher's last word on these models from the service's list; gives those that it lists still. */
    suspend fun learn(models: Set<String>): Set<String> {
        val listed = api.models().filter { it.model in models }.distinctBy { it.model }
        for (model in listed) store.releases.learn(model.model, model.release, config.nowMs())
        return listed.map { it.model }.toSet()
    }

    /** Whether the publisher has, by his last word, another version on offer for this device than that of `stored`. */
    suspend fun isReplaced(stored: StoredCopy): Boolean {
        val record = store.releases.last(stored.manifest.model) ?: return false
        val device = client.rolloutDevice() ?: return stored.manifest.version !in record.versions
        return offerFor(record.model, record.rules, device)?.version != stored.manifest.version
    }

    /** The copy that a patch may start from: of those that open now, the one that the publisher signed last. */
    private suspend fun base(model: String): String? = store.copies()
        .filter { it.manifest.model == model && config.nowMs() < it.licence.expiresAt * 1000 }
        .maxByOrNull { it.manifest.publishedAt }?.grantId

    private suspend fun grant(
        model: String,
        version: String?,
        earlier: Installation? = null,
        base: String? = null,
    ): Installation {
        val grant = client.grant(model, version, base)
        try {
            if (grant.answer.base != null && grant.answer.base != base) {
                throw SealException(Reason.TOKEN_MISMATCH, "a patch that was not asked for")
            }
            val accepted = acceptGrant(
                grant.answer, grant.recipientKey, grant.deviceId, model, version, config.pinnedKeys, config.nowMs(),
            )
            store.releases.accept(accepted.tokens, grant.answer.release, grant.device.takeIf { version == null }, config.nowMs())
            return Installation.begin(store, accepted, version ?: LATEST, earlier)
        } catch (error: SealException) {
            val isClock = error.reason == Reason.LICENCE_NOT_YET_VALID || error.reason == Reason.LICENCE_EXPIRED
            if (isClock) throw client.clockWrong(error)
            if (!isTransient(error)) reports.observe(ClientEvent.openFailed(grant.answer.grantId, model, error.code))
            throw error
        } finally {
            grant.recipientKey.destroy()
        }
    }

    /** Once a launch and copy; `tookMs` where it was fetched for that. */
    fun noteOpened(grantId: String, manifest: Manifest, tookMs: Long? = null) {
        if (opened.add(grantId)) reports.observe(ClientEvent.opened(grantId, manifest, tookMs?.coerceAtLeast(0)))
    }

    private suspend fun install(installation: Installation, onProgress: Progress): String = installation.use {
        val startedMs = config.nowMs()
        try {
            Download(api, it.url, it.sizeBytes, retry).use { download ->
                it.run(download, config.nowMs()) { done -> onProgress(done, it.tokens.manifest.sizeBytes) }
            }
            noteOpened(it.grantId, it.tokens.manifest, config.nowMs() - startedMs)
            it.grantId
        } catch (error: SealException) {
            if (!isTransient(error)) {
                reports.observe(ClientEvent.openFailed(it.grantId, it.tokens.manifest.model, error.code))
            }
            throw error
        }
    }

    /** What a killed app or a broken connection left, if its licence still holds and the publisher has not taken it back. */
    private suspend fun begun(model: String, asked: String): Installation? {
        val last = store.releases.last(model)
        for (grantId in store.files.grants("pending")) {
            val found = Installation.resume(store, grantId) ?: continue
            if (found.asked == asked && found.tokens.manifest.model == model) {
                val holds = runCatching { requireLicence(found.tokens.licence, config.nowMs()) }.isSuccess
                if (holds && last?.isWithdrawn(found.tokens.manifest) != true) return found
                store.erase(grantId)
            }
            found.close()
        }
        return null
    }

    private suspend fun requireRoom(model: String, version: String?) {
        val free = answered { config.storage.freeBytes() } ?: return
        val wanted = api.models().find { it.model == model && if (version == null) it.isLatest else it.version == version }
        if (wanted != null && wanted.sizeBytes + SPARE_BYTES > free) {
            throw SealException(Reason.STORAGE_FULL, "${wanted.sizeBytes} bytes, and $free are free")
        }
    }

    private companion object {
        val GRANT_ANEW = setOf("url_ended", "download_refused")
    }
}
