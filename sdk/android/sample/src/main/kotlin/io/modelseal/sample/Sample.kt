package io.modelseal.sample

import io.modelseal.GetOptions
import io.modelseal.ModelSeal
import io.modelseal.ModelSealConfig
import io.modelseal.store.FileStorage
import io.modelseal.testing.DevelopmentPhone
import io.modelseal.testing.DevelopmentStack
import io.modelseal.testing.SoftwareKey
import java.io.File
import java.security.MessageDigest
import java.security.SecureRandom
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking

/**
 * `java -jar modelseal-sample.jar STACK MODEL [FOLDER]`: enrols with a stack that `npm start -- --json STACK` has
 * begun, gets the model, and runs it once. In FOLDER the copy stays for the next time.
 */
public fun main(arguments: Array<String>) {
    if (arguments.size !in 2..3) {
        System.err.println("usage: STACK MODEL [FOLDER]; STACK is the file of: npm start -- --json STACK")
        exitProcess(2)
    }
    val folder = File(arguments.getOrElse(2) { "modelseal-sample" })
    println(infer(DevelopmentStack.read(File(arguments[0])), arguments[1], folder))
    // OkHttp keeps its threads for a minute.
    exitProcess(0)
}

/** One line that says what came out. */
internal fun infer(stack: DevelopmentStack, modelId: String, folder: File): String = runBlocking {
    folder.mkdirs()
    val seal = ModelSeal(
        ModelSealConfig(
            baseUrl = stack.baseUrl,
            account = "ada",
            userToken = { stack.userToken("ada") },
            // On a phone: KeystorePlatform(context), KeystoreWrappingKey(), modelStorage(context).
            platform = DevelopmentPhone(stack.developmentUrl, stack.appId),
            hardwareKey = SoftwareKey(keyIn(folder)),
            storage = FileStorage(File(folder, "copies")),
            pinnedKeys = stack.keys(),
        ),
    )
    seal.use {
        it.cleanUp()
        val progress = { done: Long, total: Long -> System.err.println("$modelId: $done of $total bytes") }
        it.get(modelId, GetOptions(onProgress = progress)).use { model ->
            val outputs = model.withModel(::runOnce)
            val manifest = model.manifest
            "${manifest.model} ${manifest.version}: ${outputs.size} outputs, ${outputs.first().size} bytes first, " +
                "SHA-256 ${digestOf(outputs)}"
        }
    }
}

internal fun digestOf(outputs: List<ByteArray>): String {
    val digest = MessageDigest.getInstance("SHA-256")
    outputs.forEach(digest::update)
    return digest.digest().joinToString("") { "%02x".format(it) }
}

/** Stands for the hardware's key, which a desktop has not. */
private fun keyIn(folder: File): ByteArray {
    val file = File(folder, "key")
    if (!file.exists()) file.writeBytes(ByteArray(32).also(SecureRandom()::nextBytes))
    return file.readBytes()
}
