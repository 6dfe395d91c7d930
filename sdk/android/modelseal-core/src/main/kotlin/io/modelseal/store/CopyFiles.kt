package io.modelseal.store

import io.modelseal.ModelStorage
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import io.modelseal.protocol.sha256
import io.modelseal.protocol.toBase64url
import io.modelseal.typed

/**
 * The files of one account's copies: `<account>.<grant>.record` and `.model`, and `.pending` in place of
 * the record until the model is complete.
 */
internal class CopyFiles(val storage: ModelStorage, account: String) {
    init {
        // The copies of nobody would open for the next who is not signed in.
        require(account.isNotEmpty()) { "no account" }
    }

    /** Names of files tell nothing of who is signed in. */
    val tag: String = sha256("modelseal/1 account $account".toByteArray()).copyOf(16).toBase64url()

    fun record(grantId: String) = "$tag.${checked(grantId)}.record"

    fun pending(grantId: String) = "$tag.${checked(grantId)}.pending"

    fun model(grantId: String) = "$tag.${checked(grantId)}.model"

    val enrolment = "$tag.enrolment"

    /** Grants of this account of which there is a file of this kind. */
    suspend fun grants(kind: String): List<String> = answered {
        storage.list().mapNotNull { NAME.matchEntire(it)?.destructured }
            .filter { (account, _, found) -> account == tag && found == kind }.map { (_, grant, _) -> grant }
    }

    /** Files of the first version, which belong to no account: nobody opens them any more. */
    suspend fun nobodys(): List<String> = answered { storage.list().filter(NOBODYS::matches) }

    /**
     * A whole file; null where there is none. Where another process replaces it meanwhile, the one or the other:
     * half of a record would be taken for a damaged one, and its copy be erased.
     */
    suspend fun readAll(name: String): ByteArray? = answered {
        repeat(MAX_TRIES) {
            val size = storage.sizeBytes(name) ?: return@answered null
            val bytes = storage.read(name, 0, size.toInt() + 1)
            // One byte more than there were: that it is not there shows that this is all.
            if (bytes == null || bytes.size <= size) return@answered bytes
        }
        throw SealException(Reason.STORAGE_UNAVAILABLE, "$name grows")
    }

    /** As `locked`, for whoever works on a model: whatever it is called, no other lock of the account is called so. */
    suspend fun <T> lockedModel(model: String, work: suspend () -> T): T =
        locked("${model.toByteArray().toBase64url()}.model", work)

    /** Runs `work` while nobody else, in no process of this app, holds this lock of the account. Throws what `work` throws, and `storage-unavailable`. */
    suspend fun <T> locked(lock: String, work: suspend () -> T): T = answered { storage.withLock("$tag.$lock", work) }

    suspend fun erase(grantId: String) = answered {
        // The record first: with it goes the wrapped key, and without that the model is noise.
        for (name in listOf(record(grantId), pending(grantId), model(grantId))) storage.delete(name)
    }

    /** Grant ids become file names: nothing in them may mean anything to a file system. */
    private fun checked(grantId: String): String =
        if (GRANT.matches(grantId)) grantId else throw SealException(Reason.TOKEN_MISMATCH, "grant id")

    companion object {
        /** More often nobody replaces a file while it is read. */
        private const val MAX_TRIES = 100
        private val GRANT = Regex("[\\w-]{1,128}")
        private val NAME = Regex("([\\w-]{22})\\.([\\w-]{1,128})\\.(record|pending|model)")

        private val NOBODYS = Regex("g_[\\w-]{22}\\.(record|pending|model)")
    }
}

/** What a storage throws otherwise than by its contract: it does not answer now. */
internal suspend fun <T> answered(work: suspend () -> T): T =
    typed({ SealException(Reason.STORAGE_UNAVAILABLE, cause = it) }, work)
