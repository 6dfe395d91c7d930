package io.modelseal.checks

import java.io.File
import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import org.opentest4j.AssertionFailedError

/** What apps are compiled against changes only together with the file that says what it is. */
class PublicApiTest {
    @TempDir
    lateinit var folder: File

    @ParameterizedTest
    @ValueSource(strings = ["modelseal-core", "modelseal-android", "modelseal-testing", "modelseal-xwing"])
    fun `the public API is that of the file`(module: String) {
        val file = File("api/$module.api")
        val api = apiOf(File("../$module/target/classes"))
        assertTrue(api.isNotEmpty(), "$module has no classes")
        if (System.getProperty("api.write") == "true") file.writeText(api) else requireSame(file, api)
    }

    @Test
    fun `a change is named, with the command that takes it`() {
        val api = apiOf(File("../modelseal-core/target/classes"))
        val method = api.lines().first { "fun cleanUp" in it }
        val published = File(folder, "modelseal-core.api").apply { writeText(api.replace(method, "$method // and more")) }
        val message = assertThrows(AssertionFailedError::class.java) { requireSame(published, api) }.message.orEmpty()
        assertTrue(message.contains("-Pwrite-api") && message.contains("fun cleanUp"), message)
    }

    @Test
    fun `only what is public counts`() {
        val api = apiOf(File("../modelseal-core/target/classes"))
        assertTrue("class io/modelseal/ModelSeal " in api, api)
        assertEquals(emptyList<String>(), api.lines().filter { "DeviceClient" in it || "SecureCell" in it })
    }

    private fun requireSame(file: File, api: String) {
        val known = if (file.exists()) file.readText() else ""
        if (known == api) return
        val (gone, new) = (known.lines() - api.lines().toSet()) to (api.lines() - known.lines().toSet())
        val changes = gone.map { "- $it" } + new.map { "+ $it" }
        throw AssertionFailedError(
            "The public API of ${file.nameWithoutExtension} has changed. What apps were compiled against must go on to work; " +
                "if it does, take the change with: mvn -f sdk/android -Pwrite-api test\n" + changes.joinToString("\n"),
        )
    }

    private fun apiOf(classes: File): String = buildString {
        val files = classes.walk().filter { it.extension == "class" }.sortedBy { it.path }.toList()
        AbiTools.getInstance().printJvmDump(this, files, AbiFilters(emptySet(), emptySet(), emptySet(), emptySet()))
    }
}
