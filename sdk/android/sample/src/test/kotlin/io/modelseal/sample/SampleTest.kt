package io.modelseal.sample

import io.modelseal.testing.LocalStack
import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.TimeUnit
import java.util.jar.JarFile
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import proguard.Configuration
import proguard.ConfigurationParser
import proguard.ProGuard

private const val MODEL = "pose"

/** A real model from the stack to its first inference, by the library as it is and as a release build shrinks it. */
class SampleTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `what the protected model answers is what the original answers`() {
        val settings = LocalSettings.read(LocalStack.settingsFile)
        val line = infer(settings, MODEL, folder)
        assertEquals(expected, line.substringAfterLast(' '))
        assertTrue(line.startsWith("$MODEL 1.0.0: "), line)
        // Again, from the stored copy.
        assertEquals(line, infer(settings, MODEL, folder))
    }

    @Test
    fun `shrunk and renamed by the rules in the jars, it does the same`() {
        val jars = System.getProperty("java.class.path").split(File.pathSeparator).map(::File).filter { it.exists() }
        val (native, others) = jars.filter(::isNeeded).partition { "bytedeco" in it.path }
        val shrunk = File(folder, "shrunk.jar")
        shrink(others, native, shrunk)
        assertEquals(null, JarFile(shrunk).use { it.getEntry("io/modelseal/DeviceClient.class") }, "nothing was renamed")
        assertTrue(shrunk.length() < others.sumOf { it.length() } / 2, "${shrunk.length()} bytes")
        val classPath = (listOf(shrunk) + native).joinToString(File.pathSeparator)
        val process = ProcessBuilder(
            File(System.getProperty("java.home"), "bin/java").path, "-cp", classPath,
            "io.modelseal.sample.SampleKt", LocalStack.settingsFile.path, MODEL, File(folder, "shrunk").path,
        ).redirectErrorStream(true).redirectOutput(File(folder, "out")).start()
        assertTrue(process.waitFor(120, TimeUnit.SECONDS))
        val output = File(folder, "out").readText()
        assertEquals(expected, output.trim().substringAfterLast(' '), output)
    }

    /** The application's own classes and what they run on; the tests' tools stay out. */
    private fun isNeeded(jar: File): Boolean = listOf(
        "/sample/target/classes", "/modelseal-core", "/modelseal-testing/target/classes", "/modelseal-testing-0",
        "/kotlin-stdlib", "/kotlinx-", "/okhttp-jvm", "/okio-jvm", "/org/jetbrains/annotations", "/bytedeco/",
    ).any { it in jar.path } && "-tests.jar" !in jar.path

    private fun shrink(jars: List<File>, native: List<File>, shrunk: File) {
        val rules = jars.flatMap(::rulesOf)
        assertTrue(rules.any { "org.conscrypt" in it }, "no rules of modelseal-core")
        val arguments = buildList {
            for (jar in jars) add("-injars '${jar.path}'(!META-INF/versions/**,!META-INF/maven/**,!module-info.class)")
            add("-outjars '${shrunk.path}'")
            add("-libraryjars '${System.getProperty("java.home")}/jmods/java.base.jmod'(!**.jar;!module-info.class)")
            add("-libraryjars '${System.getProperty("java.home")}/jmods/java.logging.jmod'(!**.jar;!module-info.class)")
            for (jar in native) add("-libraryjars '${jar.path}'")
            add("-keep class io.modelseal.sample.SampleKt { public static void main(java.lang.String[]); }")
            add("-keepattributes *Annotation*,InnerClasses,EnclosingMethod,Signature")
            // Android has it, and a desktop's JVM has not.
            add("-dontwarn android.annotation.SuppressLint")
            add("-dontnote **")
            // ProGuard's optimiser makes of Kotlin what no JVM verifies; Android's builds use R8, whose own is another.
            add("-dontoptimize")
            addAll(rules)
        }
        val file = File(folder, "rules.pro").apply { writeText(arguments.joinToString("\n")) }
        val configuration = Configuration()
        ConfigurationParser(file, System.getProperties()).use { it.parse(configuration) }
        ProGuard(configuration).execute()
    }

    /** As R8 finds them. */
    private fun rulesOf(jar: File): List<String> =
        if (jar.isDirectory) File(jar, "META-INF/proguard").listFiles().orEmpty().map { it.readText() }
        else JarFile(jar).use { file ->
            file.entries().toList().filter { it.name.startsWith("META-INF/proguard/") && it.name.endsWith(".pro") }
                .map { file.getInputStream(it).reader().readText() }
        }

    companion object {
        private val bytes = File("../../../node_modules/@mediapipe/pose/pose_landmark_lite.tflite").readBytes()

        /** The digest of what the original answers. */
        private val expected: String by lazy {
            val buffer = ByteBuffer.allocateDirect(bytes.size).put(bytes)
            buffer.flip()
            digestOf(runOnce(buffer))
        }

        @JvmStatic
        @BeforeAll
        fun publish() = LocalStack.publish(MODEL, "1.0.0", bytes, format = "tflite")
    }
}
