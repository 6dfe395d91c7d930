package io.modelseal.checks

import java.io.File
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

/**
 * What Gradle makes of the published modules, by the metadata that it reads in place of a POM
 * (https://github.com/gradle/gradle/blob/master/platforms/documentation/docs/src/docs/design/gradle-module-metadata-latest-specification.md).
 */
class GradleMetadataTest {
    private val core = File("../modelseal-core")
    private val metadata = json(File(core, "target/publications/maven/module.json"))
    private val okHttp = json(File("target/gradle/okhttp.module"))

    @Test
    fun `the POM says that there is metadata`() {
        // Gradle looks for no metadata where this is missing.
        assertTrue("do_not_remove: published-with-gradle-metadata" in File(core, "pom.xml").readText())
        assertEquals("modelseal-core", metadata.getValue("component").jsonObject.text("module"))
    }

    @ParameterizedTest
    @CsvSource("java-api", "java-runtime")
    fun `it depends on OkHttp for all, and not for the JVM`(usage: String) {
        val variant = variants(metadata).single { it.attributes().text("org.gradle.usage") == usage }
        val squares = variant.getValue("dependencies").jsonArray.map { it.jsonObject }
            .filter { it.text("group") == "com.squareup.okhttp3" }
        assertEquals(listOf("okhttp"), squares.map { it.text("module") })
        assertEquals(
            okHttp.getValue("component").jsonObject.text("version"),
            squares.single().getValue("version").jsonObject.text("requires"),
        )
        // Nothing here asks for a kind of JVM: what the app asks for decides.
        assertEquals(null, variant.attributes()["org.gradle.jvm.environment"])
    }

    @ParameterizedTest
    @CsvSource("android,okhttp-android", "standard-jvm,okhttp-jvm")
    fun `of OkHttp an app for Android gets Android's, and a JVM its own`(environment: String, module: String) {
        for (usage in listOf("java-api", "java-runtime")) {
            val asked = mapOf(
                "org.gradle.category" to "library",
                "org.gradle.usage" to usage,
                "org.gradle.jvm.environment" to environment,
            )
            val found = variants(okHttp).single { variant -> asked.all { (name, value) -> variant.attributes().text(name) == value } }
            assertEquals(module, found.getValue("available-at").jsonObject.text("module"))
        }
    }

    private fun json(file: File): JsonObject = Json.parseToJsonElement(file.readText()).jsonObject

    private fun variants(metadata: JsonObject): List<JsonObject> = metadata.getValue("variants").jsonArray.map { it.jsonObject }

    private fun JsonObject.attributes(): JsonObject = getValue("attributes").jsonObject

    private fun JsonObject.text(name: String): String? = get(name)?.jsonPrimitive?.content
}
