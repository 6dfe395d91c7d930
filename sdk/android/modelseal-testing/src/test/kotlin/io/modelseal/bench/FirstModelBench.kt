package io.modelseal.bench

import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.VerificationKey
import io.modelseal.store.FileStorage
import io.modelseal.testing.DevelopmentPhone
import io.modelseal.testing.SoftwareKey
import java.nio.file.Files
import java.security.Security
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import okhttp3.OkHttpClient
import org.conscrypt.Conscrypt

/**
 * `BASE_URL DEVELOPMENT_URL APP MODEL [KID X Y]…`: for each line `USER TOKEN` on standard input a new phone of this user's
 * enrols, is granted the model and opens it; how many milliseconds that took is printed. With `-Dconscrypt` by Android's
 * provider of JCA, else by the JVM's own.
 */
fun main(arguments: Array<String>) {
    if (System.getProperty("conscrypt") != null) Security.insertProviderAt(Conscrypt.newProvider(), 1)
    val (baseUrl, developmentUrl, app, model) = arguments
    val pinnedKeys = arguments.drop(4).chunked(3).map { (kid, x, y) -> VerificationKey(kid, x, y) }
    // As of an app that runs: connections stay from one phone to the next, as they do in Node.
    val http = OkHttpClient()
    val platform = DevelopmentPhone(developmentUrl, app)
    for (line in generateSequence(::readlnOrNull)) {
        val (user, token) = line.split(' ')
        val folder = Files.createTempDirectory("modelseal-bench-").toFile()
        val seal = ModelSeal(
            ModelSealConfig(
                baseUrl = baseUrl,
                account = user,
                userToken = { token },
                platform = platform,
                hardwareKey = SoftwareKey(ByteArray(32) { 7 }),
                storage = FileStorage(folder),
                pinnedKeys = pinnedKeys,
                http = http,
            ),
        )
        val begin = System.nanoTime()
        val bytes = runBlocking { seal.get(model).use { opened -> opened.withModel { it.remaining() } } }
        println("${(System.nanoTime() - begin) / 1e6} $bytes")
        seal.close()
        folder.deleteRecursively()
    }
    // OkHttp keeps its threads for a minute.
    exitProcess(0)
}
