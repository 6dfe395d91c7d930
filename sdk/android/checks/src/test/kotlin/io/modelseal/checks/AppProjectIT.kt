package io.modelseal.checks

import io.modelseal.testing.LocalStack
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/**
 * What an app team does: an empty project, the coordinates and the code of docs/mobile/sdk.md, and nothing else.
 * Libraries come from a repository, with their POMs.
 */
class AppProjectIT {
    @TempDir
    lateinit var app: File
    private val page = File("../../../docs/mobile/sdk.md").readText()

    @Test
    fun `the page's project compiles, enrols, gets a model and opens it`() {
        write("pom.xml", pom(dependencies = block("On a JVM", "xml")))
        write("src/App.kt", block("On a JVM", "kotlin"))
        write("src/OnAndroid.kt", onAndroid(block("Android", "kotlin")))
        val goals = arrayOf("compile", "$DEPENDENCY_PLUGIN:build-classpath", "-Dmdep.outputFile=classpath")
        // A local repository that begins empty: what a developer has installed is not what was published.
        run(property("maven"), "-B", "-q", "-Dmaven.repo.local=fetched", "-Dkotlin.compiler.daemon=false", *goals)

        val model = Random.nextBytes(2_000_000)
        LocalStack.publish("smile", "1.0.0", model)
        val classPath = "target/classes${File.pathSeparator}${File(app, "classpath").readText().trim()}"
        val said = run(File(System.getProperty("java.home"), "bin/java").path, "-cp", classPath, "AppKt", LocalStack.settingsFile.path)
        assertEquals("smile 1.0.0: ${model.size} bytes", said.lines().last { it.isNotBlank() })
    }

    /** The first block of code of a section of the page. */
    private fun block(section: String, language: String): String =
        page.substringAfter("\n## $section\n").substringAfter("```$language\n").substringBefore("```")

    /** What stands around the example: the app's own. */
    private fun onAndroid(example: String) = """
        import android.content.Context
        import io.modelseal.*
        import io.modelseal.android.*
        import java.nio.ByteBuffer

        class SignIn(val userId: String, val idToken: suspend (Boolean) -> String)
        class PlayIntegrity(val token: suspend (String) -> String)
        class Interpreter(val model: ByteBuffer)
        fun copyOf(buffer: ByteBuffer): ByteBuffer = ByteBuffer.allocateDirect(buffer.remaining()).put(buffer)
        lateinit var interpreter: Interpreter

        suspend fun onStart(context: Context, auth: SignIn, playIntegrity: PlayIntegrity, PINNED_KEYS: List<VerificationKey>) {
    """.trimIndent() + "\n$example\n}\n"

    private fun pom(dependencies: String) = """
        <project>
          <modelVersion>4.0.0</modelVersion>
          <groupId>com.example</groupId>
          <artifactId>app</artifactId>
          <version>1</version>
          <repositories>
            <repository><id>published</id><url>file://${property("published")}</url></repository>
            <!-- What this build has fetched is not fetched again. -->
            <repository><id>known</id><url>file://${property("known")}</url></repository>
          </repositories>
          <pluginRepositories>
            <pluginRepository><id>known</id><url>file://${property("known")}</url></pluginRepository>
          </pluginRepositories>
          <dependencies>
            $dependencies
            <dependency><groupId>io.modelseal</groupId><artifactId>modelseal-android</artifactId><version>0.1.0</version></dependency>
            <dependency>
              <groupId>android</groupId><artifactId>framework</artifactId><version>35</version>
              <scope>system</scope><systemPath>${framework()}</systemPath>
            </dependency>
          </dependencies>
          <build>
            <plugins>
              <plugin>
                <groupId>org.jetbrains.kotlin</groupId>
                <artifactId>kotlin-maven-plugin</artifactId>
                <version>${property("kotlin")}</version>
                <configuration><sourceDirs><sourceDir>src</sourceDir></sourceDirs></configuration>
                <executions><execution><goals><goal>compile</goal></goals></execution></executions>
              </plugin>
            </plugins>
          </build>
        </project>
    """.trimIndent()

    /** Android's, as modelseal-android is compiled against it. */
    private fun framework(): File =
        File(property("known"), "org/robolectric/android-all").walk().first { it.extension == "jar" }

    private fun write(path: String, text: String) = File(app, path).apply { parentFile.mkdirs() }.writeText(text)

    private fun run(vararg command: String): String {
        val output = File(app, "output")
        val process = ProcessBuilder(*command).directory(app).redirectErrorStream(true).redirectOutput(output).start()
        try {
            val ended = process.waitFor(10, TimeUnit.MINUTES)
            assertEquals(0, if (ended) process.exitValue() else null, output.readText())
        } finally {
            process.destroyForcibly()
        }
        return output.readText()
    }

    private fun property(name: String): String = System.getProperty("app.$name")

    private companion object {
        const val DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0"
    }
}
