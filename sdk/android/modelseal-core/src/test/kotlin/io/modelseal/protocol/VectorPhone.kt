package io.modelseal.protocol

import io.modelseal.HardwareKey
import io.modelseal.UserToken
import io.modelseal.VerificationKey
import io.modelseal.api.ApiClient
import io.modelseal.api.Download
import io.modelseal.api.RetryPolicy
import io.modelseal.store.AcceptedGrant
import io.modelseal.store.CopyFiles
import io.modelseal.store.FileStorage
import io.modelseal.store.Installation
import io.modelseal.store.ModelStore
import java.io.File
import kotlinx.serialization.json.JsonObject
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Response
import okhttp3.ResponseBody.Companion.toResponseBody

internal fun vectorFile(name: String) = parseJson(File("../../../test/vectors/$name").readBytes()) as JsonObject

/** The keys of test/vectors/sealing.json. */
internal fun pinnedKeysOf(vectors: JsonObject): List<VerificationKey> = vectors.list("pinnedKeys").map { entry ->
    val jwk = (entry as JsonObject).inner("jwk")
    VerificationKey(entry.text("kid")!!, jwk.text("x")!!, jwk.text("y")!!)
}

/** The phone of the vectors, at their time. */
internal class VectorPhone(folder: File) {
    private val sealing = vectorFile("sealing.json")
    private val nowMs = sealing.whole("now") * 1000
    val store = ModelStore(CopyFiles(FileStorage(folder), "u_example"), PlainKey, pinnedKeysOf(sealing))

    /** As the SDK does it, over a network that gives the same bytes to each ask. */
    suspend fun install(grant: AcceptedGrant, delivery: ByteArray) {
        val http = OkHttpClient.Builder().addInterceptor { chain ->
            val start = chain.request().header("Range")?.removePrefix("bytes=")?.removeSuffix("-")?.toInt() ?: 0
            Response.Builder().request(chain.request()).protocol(Protocol.HTTP_1_1)
                .code(if (start > 0) 206 else 200).message("")
                .header("Content-Range", "bytes $start-${delivery.size - 1}/${delivery.size}")
                .body(delivery.copyOfRange(start, delivery.size).toResponseBody()).build()
        }.build()
        val api = ApiClient("https://service.invalid/", UserToken { "" }, http) { nowMs }
        Installation.begin(store, grant, "latest", null).use { installation ->
            Download(api, installation.url, installation.sizeBytes, RetryPolicy()).use { installation.run(it, nowMs) {} }
        }
    }

    private object PlainKey : HardwareKey {
        override suspend fun wrap(secret: ByteArray) = secret.copyOf()

        override suspend fun unwrap(wrapped: ByteArray) = wrapped.copyOf()
    }
}
