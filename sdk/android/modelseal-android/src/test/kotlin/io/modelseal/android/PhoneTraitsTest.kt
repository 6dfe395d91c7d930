package io.modelseal.android

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

/** R40: a phone tells what rollouts ask for, in the form that they are written in. */
class PhoneTraitsTest {
    @Test
    fun `R40 system, memory and chip are told, and nothing of another form`() {
        val sound = traitsOf("15", 7_800_000_000, "SM8650")
        assertEquals(listOf("15", 8, "sm8650"), listOf(sound.osVersion, sound.ramGb, sound.chip))
        val strange = traitsOf("Baklava", 0, "unknown")
        for (trait in listOf(strange.osVersion, strange.ramGb, strange.chip)) assertNull(trait)
    }
}
