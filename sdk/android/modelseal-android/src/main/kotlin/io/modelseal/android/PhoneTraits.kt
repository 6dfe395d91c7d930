package io.modelseal.android

import android.app.ActivityManager
import android.content.Context
import android.os.Build
import io.modelseal.DeviceTraits

private val DOTTED_NUMBERS = Regex("\\d{1,9}(?:\\.\\d{1,9}){0,3}")
private val CHIP = Regex("[a-z0-9][a-z0-9 ._,-]{0,39}")
private const val GIB = (1L shl 30).toDouble()

/** What this phone says of itself: nothing of a form that the service would refuse. */
internal fun traitsOf(context: Context): DeviceTraits {
    val memory = ActivityManager.MemoryInfo()
    (context.getSystemService(Context.ACTIVITY_SERVICE) as? ActivityManager)?.getMemoryInfo(memory)
    // Named since Android 12.
    val chip = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) Build.SOC_MODEL else null
    return traitsOf(Build.VERSION.RELEASE, memory.totalMem, chip)
}

internal fun traitsOf(release: String?, memoryBytes: Long, chip: String?): DeviceTraits = DeviceTraits(
    osVersion = release?.takeIf(DOTTED_NUMBERS::matches),
    // The system keeps some for itself: 7.3 are sold as 8.
    ramGb = Math.ceil(memoryBytes / GIB).toInt().takeIf { it in 1..1024 },
    chip = chip?.lowercase()?.takeIf { it != "unknown" && CHIP.matches(it) },
)
