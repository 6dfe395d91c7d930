package io.modelseal.sample

import com.android.tools.r8.CompilationMode
import com.android.tools.r8.JdkClassFileProvider
import com.android.tools.r8.OutputMode
import com.android.tools.r8.R8
import com.android.tools.r8.R8Command
import com.android.tools.r8.origin.Origin
import io.modelseal.testing.DevelopmentStack
import io.modelseal.testing.LocalStack
import java.io.File
import java.nio.ByteBuffer
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import java.util.jar.JarFile
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

private const val MODEL = "pose"

/** A real model from the stack to its first inference, by the library as it is and as a release build shrinks it. */
class SampleTest {
    @TempDir
    lateinit var folder: File

    @Test
    fun `what the protected model answers is what the original answers`() {
        val settings = DevelopmentStack.read(LocalStack.settingsFile)
        val line = infer(settings, MODEL, folder)
        assertEquals(expected, line.substringAfterLast(' '))
        assertTrue(line.startsWith("$MODEL 1.0.0: "), line)
        // Again, from the stored copy.
        assertEquals(line, infer(settings, MODEL, folder))
    }

    @Test
    fun `shrunk, renamed and optimised by R8 with the rules in the jars, it does the same`() {
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

    /** As a release build of an app does, but to classes for a JVM; R8 finds the rules of the jars by itself. */
    private fun shrink(jars: List<File>, native: List<File>, shrunk: File) {
        val command = R8Command.builder()
            .setMode(CompilationMode.RELEASE)
            .setOutput(shrunk.toPath(), OutputMode.ClassFile)
            .addLibraryResourceProvider(JdkClassFileProvider.fromJdkHome(Path.of(System.getProperty("java.home"))))
            .addProgramFiles(jars.map { packed(it).toPath() })
            .addClasspathFiles(native.map(File::toPath))
            .addProguardConfiguration(
                listOf(
                    "-keep class io.modelseal.sample.SampleKt { public static void main(java.lang.String[]); }",
                    // Android has it, and a desktop's JVM has not.
                    "-dontwarn android.annotation.SuppressLint",
                ),
                Origin.unknown(),
            )
        R8.run(command.build())
    }

    /** R8 takes archives only. */
    private fun packed(classes: File): File {
        if (!classes.isDirectory) return classes
        val jar = File.createTempFile("classes", ".jar", folder)
        ZipOutputStream(jar.outputStream()).use { zip ->
            for (file in classes.walk().filter(File::isFile)) {
                zip.putNextEntry(ZipEntry(file.relativeTo(classes).invariantSeparatorsPath))
                file.inputStream().use { it.copyTo(zip) }
            }
        }
        return jar
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
