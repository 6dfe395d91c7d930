/** What a phone says of itself, by which rollouts may choose its file of a model: from modules that know it. */
import type { DeviceTraits } from '../../../functions/protocol/rollout.ts';
import { DOTTED_NUMBERS } from '../../../functions/protocol/rollout-rules.ts';

/** What is used of the module `expo-device`, version 8. */
export interface ExpoDevice {
  readonly osVersion: string | null;
  /** In bytes. */
  readonly totalMemory: number | null;
}

/** What is used of the module `react-native-device-info`, version 14. */
export interface DeviceInfo {
  getSystemVersion(): string;
  /** In bytes; -1 where it cannot be told. */
  getTotalMemorySync(): number;
}

const GIB = 2 ** 30;
const MAX_RAM_GB = 1024;

/**
 * System and memory by `expo-device`. It does not know the chip.
 *
 * @param device The module.
 */
export const expoDeviceTraits = (device: ExpoDevice): DeviceTraits =>
  traitsOf(device.osVersion, device.totalMemory);

/**
 * System and memory by `react-native-device-info`. It does not know the chip.
 *
 * @param info The module.
 */
export const deviceInfoTraits = (info: DeviceInfo): DeviceTraits =>
  traitsOf(info.getSystemVersion(), info.getTotalMemorySync());

/** Nothing of a form that the service would refuse, such as the release `Baklava` of a preview of Android. */
function traitsOf(osVersion: string | null, memoryBytes: number | null): DeviceTraits {
  // The system keeps some for itself: 7.3 are sold as 8.
  const ramGb = Math.ceil((memoryBytes ?? 0) / GIB);
  return {
    ...(osVersion !== null && DOTTED_NUMBERS.test(osVersion) && { osVersion }),
    ...(ramGb >= 1 && ramGb <= MAX_RAM_GB && { ramGb }),
  };
}
