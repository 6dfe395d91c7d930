package io.modelseal.store

import io.modelseal.ModelStorage
import io.modelseal.SealException
import io.modelseal.SealException.Reason
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.channels.FileChannel
import java.nio.channels.OverlappingFileLockException
import java.nio.file.Files
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import java.nio.file.StandardOpenOption.CREATE
import java.nio.file.StandardOpenOption.WRITE
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/**
 * Storage in one private folder, which is made when first written to, such as
 * `File(context.noBackupFilesDir, "modelseal")`: a copy opens on no other phone.
 */
public class FileStorage(private val directory: File) : ModelStorage {
    override suspend fun read(name: String, offset: Long, length: Int): ByteArray? = io {
        val file = file(name)
        if (!file.exists()) return@io null
        RandomAccessFile(file, "r").use {
            val bytes = ByteArray(minOf(length.toLong(), maxOf(0, it.length() - offset)).toInt())
            it.seek(offset)
            it.readFully(bytes)
            bytes
        }
    }

    override suspend fun readInto(name: String, offset: Long, into: ByteArray, length: Int): Int? = io {
        val file = file(name)
        if (!file.exists()) return@io null
        RandomAccessFile(file, "r").use {
            val count = minOf(length.toLong(), maxOf(0, it.length() - offset)).toInt()
            it.seek(offset)
            for (at in 0 until count step PIECE_BYTES) it.readFully(into, at, minOf(PIECE_BYTES, count - at))
            count
        }
    }

    override suspend fun writeAt(name: String, offset: Long, bytes: ByteArray): Unit = io {
        directory.mkdirs()
        RandomAccessFile(file(name), "rw").use {
            it.seek(offset)
            it.write(bytes)
        }
    }

    override suspend fun replace(name: String, bytes: ByteArray): Unit = io {
        directory.mkdirs()
        val partial = file("$PARTIAL${UUID.randomUUID()}")
        try {
            RandomAccessFile(partial, "rw").use {
                it.write(bytes)
                it.fd.sync()
            }
            Files.move(partial.toPath(), file(name).toPath(), ATOMIC_MOVE, REPLACE_EXISTING)
        } finally {
            partial.delete()
        }
    }

    override suspend fun rename(from: String, to: String): Unit = io {
        Files.move(file(from).toPath(), file(to).toPath(), ATOMIC_MOVE, REPLACE_EXISTING)
    }

    override suspend fun sizeBytes(name: String): Long? = io { file(name).takeIf(File::exists)?.length() }

    override suspend fun delete(name: String): Unit = io { Files.deleteIfExists(file(name).toPath()) }

    override suspend fun list(): List<String> = io {
        deleteAbandoned()
        directory.list()?.filter { !it.startsWith('.') }
            ?: if (directory.exists()) throw IOException("cannot list $directory") else emptyList()
    }

    override suspend fun freeBytes(): Long? = io {
        generateSequence(directory) { it.absoluteFile.parentFile }.firstOrNull(File::exists)?.usableSpace
    }

    override suspend fun <T> withLock(name: String, work: suspend () -> T): T {
        val path = file(".lock-$name").absoluteFile.normalize()
        return LOCKS.getOrPut(path) { Mutex() }.withLock {
            val channel = io {
                directory.mkdirs()
                FileChannel.open(path.toPath(), CREATE, WRITE)
            }
            channel.use { lockedAcrossProcesses(it, work) }
        }
    }

    private suspend fun <T> lockedAcrossProcesses(channel: FileChannel, work: suspend () -> T): T {
        while (true) {
            val lock = try {
                io { channel.tryLock() }
            } catch (_: OverlappingFileLockException) {
                null
            }
            // The lock ends with its process: whoever is killed holds up nobody.
            if (lock != null) return lock.use { work() }
            delay(LOCK_POLL_MS)
        }
    }

    /** What a killed process left half written. */
    private fun deleteAbandoned() {
        val before = System.currentTimeMillis() - ABANDONED_MS
        directory.listFiles { file -> file.name.startsWith(PARTIAL) && file.lastModified() < before }.orEmpty().forEach(File::delete)
    }

    private fun file(name: String) = File(directory, name)

    private suspend fun <T> io(work: () -> T): T = withContext(Dispatchers.IO) {
        try {
            work()
        } catch (cause: IOException) {
            val isFull = cause.message.orEmpty().contains("No space left") || cause.message.orEmpty().contains("ENOSPC")
            throw SealException(if (isFull) Reason.STORAGE_FULL else Reason.STORAGE_UNAVAILABLE, cause = cause)
        }
    }

    private companion object {
        const val LOCK_POLL_MS = 50L

        /** Read at a time: a JVM copies what it reads once more, which is cheap while a cache holds it. */
        const val PIECE_BYTES = 64 shl 10
        const val PARTIAL = ".partial-"

        /** Longer than a file takes to be written. */
        const val ABANDONED_MS = 60 * 60_000L
        val LOCKS = ConcurrentHashMap<File, Mutex>()
    }
}
