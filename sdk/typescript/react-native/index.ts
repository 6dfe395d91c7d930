/** `@modelseal/client/react-native`: adapters to native modules. */

export { type AndroidOptions, androidPlatform } from './android-platform.ts';
export {
  type DeviceInfo,
  deviceInfoTraits,
  type ExpoDevice,
  expoDeviceTraits,
} from './device-traits.ts';
export { type FileSystem, fileSystemStorage } from './file-system-storage.ts';
export { type AppIdentity, type AppIntegrity, iosPlatform } from './ios-platform.ts';
export { keychainEnrolments } from './keychain-enrolments.ts';
export { type Keychain, keychainKey } from './keychain-key.ts';
export { keychainPendingKey, type PendingKey } from './pending-key.ts';
export { type Observe, observeFreeRasp, observeJailMonkey } from './self-protection.ts';
