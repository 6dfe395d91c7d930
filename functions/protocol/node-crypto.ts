import * as openssl from 'node:crypto';
import type { SealingCrypto } from './crypto.ts';
import { opensslCrypto } from './openssl-crypto.ts';

/** The primitives from Node. */
export const nodeCrypto: SealingCrypto = opensslCrypto(openssl);
