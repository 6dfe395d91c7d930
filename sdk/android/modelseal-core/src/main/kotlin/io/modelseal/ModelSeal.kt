package io.modelseal

import io.modelseal.api.ApiClient
import io.modelseal.api.RetryPolicy
import io.modelseal.protocol.isWithdrawn
import io.modelseal.store.CopyFiles
import io.modelseal.store.Fetcher
import io.modelseal.store.ModelStore
import io.modelseal.store.StoredCopy
import io.modelseal.store.isTransient
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.serialization.json.JsonObject

/** What `get` may be told. */
public class GetOptions(
    /** A version; the newest where null. */
    public val version: String? = null,
    /** Bytes done and in all, while a model is fetched. */
    public val onProgress: ((Long, Long) -> Unit)? = null,
)

/**
 * What an app uses: models by name, protected on their way and at rest, opened in memory, for the user
 * who is signed in. docs/mobile/sdk-behaviour.md says, rule by rule, what it does in the field. Every
 * call throws [ModelSealException], and nothing else but `CancellationException`.
 */
public class ModelSeal(private val config: ModelSealConfig) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.IO)
    private val files = CopyFiles(config.storage, config.account)
    private val store = ModelStore(files, config.hardwareKey, requirePins(config.pinnedKeys))
    private val api = ApiClient(config.baseUrl, config.userToken, config.http, config.nowMs)
    private val retry = RetryPolicy()
    private val client =
        DeviceClient(api, config.platform, files, retry, config.createRecipientKey, config.nowMs)
    private val reports = Reports(client, store, config.nowMs)
    private val fetcher = Fetcher(api, client, store, retry, reports, config)
    private val flights = SingleFlight<String>(scope)
    private val opened = ConcurrentHashMap.newKeySet<OpenModel>()

    /** Versions that this launch has begun to use, by model. */
    private val pinned = ConcurrentHashMap<String, String>()

    @Volatile
    private var isClosed = false

    /**
     * An open model: the stored copy where its licence allows it, else a new grant, downloaded and stored
     * under a hardware-wrapped key. Several calls at once share one grant and one download. Close the
     * model after use.
     */
    public suspend fun get(modelId: String, options: GetOptions = GetOptions()): OpenModel {
        val grantId = copy(modelId, options)
        return store.open(grantId, config.nowMs(), opened::remove).also {
            opened += it
            if (options.version == null) pinned[modelId] = it.manifest.version
            fetcher.noteOpened(grantId, it.manifest)
        }
    }

    /**
     * Has a copy lie ready, so that `get` waits for no download: fetches what `get` would, and opens nothing.
     * Under [UpdatePolicy.WIFI] it fetches on unmetered networks only. Gives whether a copy lies ready now.
     */
    public suspend fun prefetch(modelId: String, options: GetOptions = GetOptions()): Boolean {
        requireOpen()
        if (!mayFetch()) return files.lockedModel(modelId) { usableCopy(modelId, options.version) } != null
        copy(modelId, options)
        return true
    }

    /**
     * Notes that the app crashed when it last used a model: call it at the next start, by what your crash
     * reporter says, before `cleanUp` and `get`. It is told of the copy that was opened last, and nothing where
     * none lies here. A version that crashes more often than the one before is halted.
     */
    public suspend fun reportCrash(modelId: String) {
        requireOpen()
        store.copies().filter { it.manifest.model == modelId && it.openedMs != null }.maxByOrNull { it.openedMs ?: 0 }
            ?.let { reports.observe(ClientEvent.crashed(it.grantId, it.manifest)) }
    }

    /**
     * Erases what must not be kept: copies whose licence has ended or that the publisher took back, and what
     * nobody needs any more. Call it at each start.
     */
    public suspend fun cleanUp() {
        requireOpen()
        for (grantId in store.eraseExpired(config.nowMs())) reports.observe(ClientEvent.expired(grantId))
        store.eraseWithdrawn()
        for ((model, copies) in store.copies().filter { it.asked == LATEST }.groupBy { it.manifest.model }) {
            val newest = copies.sortedWith(newestFirst(model)).first()
            for (copy in copies) {
                val isUsed = copy.manifest.version == (pinned[model] ?: newest.manifest.version)
                if (copy !== newest && !isUsed) store.erase(copy.grantId)
            }
        }
    }

    /**
     * Renews the licences that are near their end, asks for the publisher's last word and erases what he took
     * back and, as the update policy says, fetches newer versions: call it at each start and each hour or so,
     * such as from a WorkManager job. A copy whose model is no longer given is erased; other failures wait for
     * the next call.
     */
    public suspend fun refresh() {
        requireOpen()
        for (copy in store.copies()) {
            if (config.nowMs() < renewalDueAt(copy.licence)) continue
            try {
                renew(copy)
            } catch (error: ApiException) {
                if (error.code in GONE) store.erase(copy.grantId)
            }
        }
        val held = store.copies()
        if (held.isEmpty()) return
        val listed = fetcher.learn(held.map { it.manifest.model }.toSet())
        val newest = held.filter { it.asked == LATEST && it.manifest.model in listed }.groupBy { it.manifest.model }
            .mapValues { (model, copies) -> copies.sortedWith(newestFirst(model)).first() }
        store.eraseWithdrawn()
        for ((model, copy) in newest) {
            // The phone may have left the network that the last one came by.
            if (!mayFetch()) return
            if (!fetcher.isReplaced(copy)) continue
            flights.join("$model update", null) { onProgress ->
                files.lockedModel(model) { fetcher.fetch(model, null, onProgress) }
            }
        }
    }

    /** What this user may ask for: ids and their newest versions. */
    public suspend fun models(): Map<String, String> {
        requireOpen()
        return api.models().filter { it.isLatest }.associate { it.model to it.version }
    }

    /** Notes what the app's self-protection noticed; it is sent by the next `sendReports`, at a later start of the app too. */
    public fun observe(event: ClientEvent): Unit = reports.observe(event)

    /**
     * Sends what was noted and erases the copies that were revoked: call it now and then, also with nothing
     * to tell. Gives the devices that came to this user's others and wait: ask him whether they are his, then
     * `approveDevice` or `retireOther`.
     */
    public suspend fun sendReports(): List<WaitingDevice> {
        requireOpen()
        return reports.send()
    }

    /** Vouches for another device of this user's, such as a new phone, which then counts at once. */
    public suspend fun approveDevice(deviceId: String) {
        requireOpen()
        client.approve(deviceId)
    }

    /** Retires another device of this user's: a lost one, or one that is not his. */
    public suspend fun retireOther(deviceId: String) {
        requireOpen()
        client.retireOther(deviceId)
    }

    /** Everything that the service holds about this user. */
    public suspend fun exportMe(): JsonObject {
        requireOpen()
        return api.exportMe()
    }

    /** Erases every copy of this account on this device and retires it: before it is given away. */
    public suspend fun retireDevice() {
        requireOpen()
        eraseCopies()
        client.retire()
    }

    /** Has everything about this user erased, here and in the service; gives when he may enrol again (RFC 3339). */
    public suspend fun eraseMe(): String? {
        requireOpen()
        eraseCopies()
        return client.eraseMe()
    }

    /**
     * The user signs out: what is open is closed, and each further call throws `closed`. His copies stay
     * and open when he signs in again, unless `erase` says otherwise; for other accounts they never do. What
     * waits to be told stays and goes likewise.
     */
    public suspend fun signOut(erase: Boolean = false) {
        close()
        reports.save()
        if (!erase) return
        reports.forget()
        store.eraseAll()
    }

    /** As `signOut`, without erasing. */
    override fun close() {
        isClosed = true
        reports.close()
        opened.toList().forEach(OpenModel::close)
        scope.cancel()
    }

    /** The grant of a copy to open, which is fetched where none is here. */
    private suspend fun copy(modelId: String, options: GetOptions): String {
        requireOpen()
        val grantId = try {
            flights.join("$modelId ${options.version.orEmpty()}", options.onProgress) { onProgress ->
                files.lockedModel(modelId) { ready(modelId, options.version, onProgress) }
            }
        } catch (cancelled: CancellationException) {
            // Either by who asked, or by signing out.
            currentCoroutineContext().ensureActive()
            throw SealException(SealException.Reason.CLOSED, cause = cancelled)
        }
        requireOpen()
        return grantId
    }

    private fun mayFetch(): Boolean = config.updates != UpdatePolicy.WIFI || config.isUnmetered()

    private suspend fun ready(modelId: String, version: String?, onProgress: Progress): String {
        val stored = usableCopy(modelId, version)
        if (stored != null && (version != null || !wantsNewer(stored))) return stored.grantId
        return try {
            fetcher.fetch(modelId, version, onProgress)
        } catch (error: ApiException) {
            if (stored == null || !isOutOfReach(error)) throw error
            stored.grantId
        }
    }

    private suspend fun wantsNewer(stored: StoredCopy): Boolean = try {
        val model = stored.manifest.model
        config.updates == UpdatePolicy.NOW && model in fetcher.learn(setOf(model)) && fetcher.isReplaced(stored)
    } catch (error: ApiException) {
        if (!isOutOfReach(error)) throw error
        false
    }

    /** What the publisher last had on offer, then what he signed last. */
    private suspend fun newestFirst(modelId: String): Comparator<StoredCopy> {
        val offered = store.releases.last(modelId)?.versions.orEmpty()
        return compareByDescending<StoredCopy> { it.manifest.version in offered }.thenByDescending { it.manifest.publishedAt }
    }

    /** The copy to open, if there is one that opens now; one that never will is erased. */
    private suspend fun usableCopy(modelId: String, version: String?): StoredCopy? {
        val launched = version ?: pinned[modelId]
        val copies = store.copies().filter { it.manifest.model == modelId }
            .filter { if (version == null) it.asked == LATEST else it.manifest.version == version }
            .sortedWith(compareByDescending<StoredCopy> { it.manifest.version == launched }.then(newestFirst(modelId)))
        val last = store.releases.last(modelId)
        for (copy in copies) {
            if (last?.isWithdrawn(copy.manifest) == true) {
                store.erase(copy.grantId)
                continue
            }
            try {
                store.requireOpening(copy.grantId, config.nowMs())
                return copy
            } catch (error: SealException) {
                if (isTransient(error)) throw error
                if (error.reason in CLOCKS) return healedByRenewal(copy, error)
                reports.observe(if (error.reason == SealException.Reason.LICENCE_EXPIRED) ClientEvent.expired(copy.grantId)
                    else ClientEvent.openFailed(copy.grantId, modelId, error.code))
                store.erase(copy.grantId)
            }
        }
        return null
    }

    /** A clock that stands before what was seen: a renewal brings the service's time, and costs no grant. */
    private suspend fun healedByRenewal(copy: StoredCopy, error: SealException): StoredCopy {
        reports.observe(ClientEvent.clockMoved())
        try {
            renew(copy)
            store.requireOpening(copy.grantId, config.nowMs())
            return copy
        } catch (again: SealException) {
            throw if (again.reason in CLOCKS && client.isClockOff()) client.clockWrong(again) else again
        } catch (refused: ApiException) {
            throw if (isOutOfReach(refused)) error else refused
        }
    }

    /** A renewal brings the publisher's last word, too: whoever answers must not hold that back. */
    private suspend fun renew(copy: StoredCopy) {
        val answer = client.renew(copy.grantId, copy.licence.sha256)
        store.releases.learn(copy.manifest.model, answer.release, config.nowMs())
        store.renew(copy.grantId, answer)
    }

    private suspend fun eraseCopies() {
        opened.toList().forEach(OpenModel::close)
        reports.forget()
        store.eraseAll()
        store.releases.forget()
    }

    private fun requireOpen() {
        if (isClosed) throw SealException(SealException.Reason.CLOSED)
    }

    internal companion object {
        const val LATEST = "latest"

        /** Refusals that mean that this copy shall not live on. */
        private val GONE = setOf("model_unknown", "grant_unknown")
        private val CLOCKS = setOf(SealException.Reason.CLOCK_ROLLED_BACK, SealException.Reason.LICENCE_NOT_YET_VALID)

        private fun isOutOfReach(error: ApiException) =
            error.status == 0 || error.status >= 500 || error.code == "rate_limited"

        /** Between 60 and 80 per cent of the licence's life; fixed for a copy by its grant's random id. */
        private fun renewalDueAt(licence: Licence): Long {
            val spread = licence.grantId.fold(0L) { sum, character -> (sum * 31 + character.code) % 1000 }
            val life = licence.expiresAt - licence.notBefore
            return licence.notBefore * 1000 + life * (600 + spread / 5)
        }
    }
}
