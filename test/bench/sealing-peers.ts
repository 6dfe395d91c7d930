/**
 * What others do with the same bytes, in one layer of encryption each; ours opens the vault's chunks,
 * encrypts the weights and seals the chunks again.
 */
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { FlattenedEncrypt, flattenedDecrypt } from 'jose';
import sodium from 'libsodium-wrappers';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { loadThemis } from '../support/themis.ts';
import type { Contestant } from './throughput.ts';

export interface Peer {
  readonly seal: Contestant;
  readonly open: Contestant;
}

const CHUNK_BYTES = 1 << 20;

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

/** Themis' own WebAssembly build: Secure Cell, Seal mode, chunk by chunk. */
export async function themisPeer(bytes: Uint8Array): Promise<Peer> {
  const { SecureCellSeal } = await loadThemis();
  const cell = SecureCellSeal.withKey(nodeCrypto.randomBytes(32));
  const sealed = [...chunksOf(bytes)].map((chunk) => cell.encrypt(chunk));
  return {
    seal: () => {
      for (const chunk of chunksOf(bytes)) cell.encrypt(chunk);
    },
    open: () => {
      for (const chunk of sealed) cell.decrypt(chunk);
    },
  };
}

/** age for one X25519 recipient: ChaCha20-Poly1305 in chunks of 64 KiB. */
export async function agePeer(bytes: Uint8Array): Promise<Peer> {
  const identity = await generateIdentity();
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const sealed = await encrypter.encrypt(bytes);
  return {
    seal: async () => void (await encrypter.encrypt(bytes)),
    open: async () => void (await decrypter.decrypt(sealed)),
  };
}

/** libsodium's secretstream: XChaCha20-Poly1305, chunk by chunk. */
export async function sodiumPeer(bytes: Uint8Array): Promise<Peer> {
  await sodium.ready;
  const key = sodium.crypto_secretstream_xchacha20poly1305_keygen();
  const TAG_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
  const seal = () => {
    const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
    const cells = [...chunksOf(bytes)].map((chunk) =>
      sodium.crypto_secretstream_xchacha20poly1305_push(state, chunk, null, TAG_MESSAGE),
    );
    return { header, cells };
  };
  const { header, cells } = seal();
  return {
    seal: () => void seal(),
    open: () => {
      const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, key);
      for (const cell of cells)
        sodium.crypto_secretstream_xchacha20poly1305_pull(state, cell, null);
    },
  };
}

/** A JWE of the whole file in one piece: direct key, A256GCM, base64url. */
export async function josePeer(bytes: Uint8Array): Promise<Peer> {
  const key = nodeCrypto.randomBytes(32);
  const seal = () =>
    new FlattenedEncrypt(bytes).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);
  const sealed = await seal();
  return {
    seal: async () => void (await seal()),
    open: async () => void (await flattenedDecrypt(sealed, key)),
  };
}
