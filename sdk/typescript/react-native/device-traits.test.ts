/** R40: a phone tells what rollouts ask for, in the form that they are written in; PhoneTraitsTest.kt has the same in Kotlin. */
import { describe, expect, it } from '@jest/globals';
import { deviceTraits } from '../../../functions/identity/devices.ts';
import { deviceInfoTraits, expoDeviceTraits } from './device-traits.ts';

const GIB = 2 ** 30;

/** As expo-device and react-native-device-info give them: Build.VERSION.RELEASE and totalMem, systemVersion and physicalMemory. */
const phones: readonly (readonly [string, string, number, object])[] = [
  ['a Pixel', '15', 7.3 * GIB, { osVersion: '15', ramGb: 8 }],
  ['an iPhone', '26.1.2', 8 * GIB, { osVersion: '26.1.2', ramGb: 8 }],
  ['an old phone', '8.1.0', 0.9 * GIB, { osVersion: '8.1.0', ramGb: 1 }],
  ['a preview of Android', 'Baklava', 11.2 * GIB, { ramGb: 12 }],
  ['another system’s words', '15 beta 2', 2000 * GIB, {}],
  ['one that does not say', '', -1, {}],
  ['one whose memory is no number', '15', Number.NaN, { osVersion: '15' }],
];

describe('R40 traits', () => {
  it.each(phones)('of %s, whichever module tells them', (_, osVersion, memory, expected) => {
    const info = { getSystemVersion: () => osVersion, getTotalMemorySync: () => memory };
    expect(deviceInfoTraits(info)).toEqual(expected);
    const traits = expoDeviceTraits({ osVersion, totalMemory: memory });
    expect(traits).toEqual(expected);
    // And the service takes them.
    expect(deviceTraits.parse(traits)).toEqual(expected);
  });

  it('where expo-device knows nothing, as in a browser', () => {
    expect(expoDeviceTraits({ osVersion: null, totalMemory: null })).toEqual({});
  });
});
