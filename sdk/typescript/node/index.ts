/** `@modelseal/client/node`: a device that is no phone, for servers' own tests and for the desktop. */

export { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
export { fileStorage } from './file-storage.ts';
export { softwareKey } from './software-key.ts';
