package io.modelseal.checks

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private val PUBLIC = Regex("""^\s*public (?!override)""")
private val CONSTANT = Regex("""^\s*[A-Z][A-Z_]+(\(.*\))?,$""")

/** What is public says what it is. The compiler wants `public` written out, so that no declaration is missed here. */
class DocumentationTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `every public declaration has its KDoc`() {
        val sources = listOf("core", "android", "testing", "xwing").map { File("../modelseal-$it/src/main/kotlin") }
        val found = sources.flatMap(::undocumented)
        assertTrue(sources.all { it.walk().any { file -> file.extension == "kt" } })
        assertEquals(emptyList<String>(), found)
    }

    @Test
    fun `one without is found, and a constant too`() {
        File(folder, "A.kt").writeText(
            "/** Says. */\npublic class A {\n    public fun b() {}\n\n    /** C. */\n    @Deprecated(\"\")\n    public fun c() {}\n}\n" +
                "/** D. */\npublic enum class D {\n    /** E. */\n    E,\n    F_G,\n}\n",
        )
        assertEquals(listOf("A.kt:3", "A.kt:13"), undocumented(folder).map { it.substringBefore(' ') })
    }

    private fun undocumented(folder: File): List<String> =
        folder.walk().filter { it.extension == "kt" }.flatMap { file ->
            val lines = file.readLines()
            lines.indices.filter { PUBLIC.containsMatchIn(lines[it]) || CONSTANT.matches(lines[it]) }.filter { at ->
                val before = lines.take(at).dropLastWhile { it.trim().startsWith("@") }.lastOrNull().orEmpty()
                !before.trimEnd().endsWith("*/") && !before.contains("/**")
            }.map { "${file.name}:${it + 1} ${lines[it].trim()}" }
        }.toList()
}
