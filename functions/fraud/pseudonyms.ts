/**
 * Keyed pseudonyms: the same person or network is recognised without being named. Whoever lacks
 * the key can neither tell who a pseudonym is nor test a guess (GDPR article 4(5)).
 */
import { createHmac } from 'node:crypto';
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { lengthPrefixed, toBase64url } from '../protocol/encoding.ts';

/** A pseudonym key of at least 32 bytes under a short id, which each pseudonym shows as its prefix. */
export interface PseudonymKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** The current key first, then older ones whose pseudonyms may still lie in documents. */
export type PseudonymKeys = readonly [PseudonymKey, ...PseudonymKey[]];

export interface Pseudonyms {
  user(issuer: string, subject: string): string;
  /** Null for what is no address. */
  network(address: string): string | null;
}

export const createPseudonyms = (key: PseudonymKey): Pseudonyms => ({
  user: (issuer, subject) => userPseudonym(key, issuer, subject),
  network: (address) => networkPseudonym(key, address),
});

/** The user of an identity provider; also the `userId` in documents. */
export function userPseudonym(key: PseudonymKey, issuer: string, subject: string): string {
  return keyed(key, 'user', issuer, subject);
}

/** The user's pseudonym under every key, current first: where to look for documents after a rotation. */
export function userPseudonyms(
  keys: PseudonymKeys,
  issuer: string,
  subject: string,
): readonly [string, ...string[]] {
  const [current, ...older] = keys;
  return [
    userPseudonym(current, issuer, subject),
    ...older.map((key) => userPseudonym(key, issuer, subject)),
  ];
}

/**
 * The caller's network: IPv4 by its first 24 bits, IPv6 by its first 48. Null where `address` is
 * not an IP address, so that nothing else of a forwarded header ever gets into an event.
 */
export function networkPseudonym(key: PseudonymKey, address: string): string | null {
  const prefix = networkPrefix(address);
  return prefix === null ? null : keyed(key, 'network', prefix);
}

function networkPrefix(address: string): string | null {
  const bare = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  if (isIPv4(bare)) return bare.split('.').slice(0, 3).join('.');
  if (isIP(bare) !== 6 || bare.includes('%')) return null;
  // SocketAddress spells an IPv6 address canonically (RFC 5952), with at most one "::".
  const [head = '', tail = ''] = new SocketAddress({ address: bare, family: 'ipv6' }).address.split(
    '::',
  );
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.slice(0, 3).join(':');
}

function keyed(key: PseudonymKey, ...parts: readonly string[]): string {
  const mac = createHmac('sha256', key.secret)
    .update(lengthPrefixed(...parts))
    .digest();
  return `${key.id}_${toBase64url(mac.subarray(0, 16))}`;
}
