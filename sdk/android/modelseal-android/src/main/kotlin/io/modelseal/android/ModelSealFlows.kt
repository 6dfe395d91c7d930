package io.modelseal.android

import android.content.Context
import io.modelseal.ApiException
import io.modelseal.GetOptions
import io.modelseal.ModelSeal
import io.modelseal.ModelSealException
import io.modelseal.ModelStorage
import io.modelseal.OpenModel
import io.modelseal.SealException
import io.modelseal.store.FileStorage
import java.io.File
import java.nio.ByteBuffer
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow

/** The app's private folder that is left out of backups: a copy opens on no other phone. */
public fun modelStorage(context: Context): ModelStorage = FileStorage(File(context.noBackupFilesDir, "modelseal"))

/** How far a model is. */
public sealed class Fetch {
    /** On the way. */
    public data class Progress(
        /** Fetched, opened and stored. */
        public val doneBytes: Long,
        /** Of the whole model. */
        public val totalBytes: Long,
    ) : Fetch()

    /** Close the model after use. */
    public data class Ready(
        /** Open; whoever gets it closes it. */
        public val model: OpenModel,
    ) : Fetch()
}

/** As `get`, with progress on the way; the last value is [Fetch.Ready]. Fails with ModelSealException. */
public fun ModelSeal.fetch(modelId: String, version: String? = null): Flow<Fetch> = channelFlow {
    val model = get(modelId, GetOptions(version) { done, total -> trySend(Fetch.Progress(done, total)) })
    try {
        send(Fetch.Ready(model))
    } catch (error: Exception) {
        // Nobody took it.
        model.close()
        throw error
    }
}

/** What runs models, such as LiteRT's interpreter: its library is on Google's repository. */
public fun interface ModelRuntime<T> {
    /** `model` is a direct buffer that is wiped afterwards: a runtime that keeps it needs a copy of its own. */
    public fun load(model: ByteBuffer): T
}

/** Loads the model into a runtime. Throws SealException. */
public suspend fun <T> OpenModel.load(runtime: ModelRuntime<T>): T = withModel(runtime::load)

/** What a job of WorkManager's returns. */
public enum class WorkResult {
    /** All is done until the next time. */
    SUCCESS,

    /** What hindered it may pass: try soon again. */
    RETRY,

    /** No repetition helps; the next `get` tells the app why. */
    FAILURE,
}

/**
 * The body of a periodic job, each hour or so: erases what is over, renews, fetches newer versions, sends
 * reports. In a `CoroutineWorker`, map the result to `Result.success()`, `retry()` and `failure()`.
 */
public suspend fun ModelSeal.doPeriodicWork(): WorkResult = try {
    cleanUp()
    refresh()
    sendReports()
    WorkResult.SUCCESS
} catch (error: ModelSealException) {
    val mayPass = error is ApiException && (error.status == 0 || error.status == 429 || error.status >= 500) ||
        error is SealException && error.reason in PASSING
    if (mayPass) WorkResult.RETRY else WorkResult.FAILURE
}

private val PASSING = setOf(SealException.Reason.KEY_UNAVAILABLE, SealException.Reason.STORAGE_UNAVAILABLE)
