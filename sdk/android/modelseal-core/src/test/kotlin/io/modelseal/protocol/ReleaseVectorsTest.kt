package io.modelseal.protocol

import io.modelseal.DeviceTraits
import io.modelseal.SealException
import io.modelseal.VerificationKey
import io.modelseal.store.CopyFiles
import io.modelseal.store.FileStorage
import io.modelseal.store.ReleaseMemory
import io.modelseal.store.verifyTokens
import java.io.File
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

/** R10, R40: which release records a client takes, by test/vectors/releases.json; releases.test.ts has the same in TypeScript. */
class ReleaseVectorsTest {
    private val sound = vectorFile("sealing.json")
    private val model = sound.inner("claims").text("model")!!
    private val pinned = sound.list("pinnedKeys").map { entry ->
        val jwk = (entry as JsonObject).inner("jwk")
        VerificationKey(entry.text("kid")!!, jwk.text("x")!!, jwk.text("y")!!)
    }

    @TempDir
    lateinit var folder: File

    @TestFactory
    fun `R10 R40 releases`(): List<DynamicTest> = vectorFile("releases.json").list("rows").map { it as JsonObject }
        .mapIndexed { index, row -> dynamicTest("R10 R40 ${row.text("name")}") { runBlocking { judge(row, "u_$index") } } }

    private suspend fun judge(row: JsonObject, account: String) {
        // The app starts anew with each: what it knows is what it stored.
        fun start() = ReleaseMemory(CopyFiles(FileStorage(folder), account), pinned)
        row.text("seen")?.let { start().learn(model, it, 0) }
        val before = start().last(model)?.serial
        val tokens = verifyTokens(sound.text("manifest")!!, sound.text("licence")!!, pinned)
        val traits = row.inner("device")
        val told = DeviceTraits(traits.text("osVersion"), traits.wholeOrNull("ramGb")?.toInt(), traits.text("chip"))
        val device = RolloutDevice(tokens.licence.deviceId, "android", "2.1.0", told)
        val nowMs = row.whole("now") * 1000
        val token = row.getValue("token").jsonPrimitive.content
        fun said(name: String) = row.getValue(name).jsonPrimitive.content.toBoolean()
        val refusal = runCatching {
            if (said("isGrant")) start().accept(tokens, token, device.takeIf { said("isNewest") }, nowMs) else start().learn(model, token, nowMs)
        }.exceptionOrNull()
        val code = if (refusal == null) "done" else (refusal as? SealException)?.code ?: refusal.toString()
        assertEquals(row.text("code"), code)
        // What was refused changes nothing.
        val after = start().last(model)?.serial
        if (refusal == null) assertTrue(after!! >= (before ?: 1)) else assertEquals(before, after)
    }
}
