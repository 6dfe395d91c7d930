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

/** All keys there ever were, the oldest first. Each names the names of the one before. */
export type PseudonymKeys = readonly [PseudonymKey, ...PseudonymKey[]];

/** The keys of these secrets, the oldest first. Throws RangeError where there is none. */
export function pseudonymKeys(secrets: readonly Uint8Array[]): PseudonymKeys {
  const [first, ...later] = secrets.map((secret, index) => ({ id: `p${index + 1}`, secret }));
  if (!first) throw new RangeError('no pseudonym secret');
  return [first, ...later];
}

/** The user of an identity provider, as the first key names him. */
export function userPseudonym(key: PseudonymKey, issuer: string, subject: string): string {
  return keyed(key, 'user', issuer, subject);
}

/**
 * Every name that a user's records may bear, the oldest first. Each follows from the one before, so
 * that a rotation needs nobody to sign in; without the newest key no guess can be tested against the last.
 */
export function userPseudonyms(
  keys: PseudonymKeys,
  issuer: string,
  subject: string,
): readonly [string, ...string[]] {
  const first = userPseudonym(keys[0], issuer, subject);
  return [first, ...successors(keys, first)];
}

/** The names that take the place of this one, in their order; none of the newest, and of what is no pseudonym. */
export function successors(keys: PseudonymKeys, pseudonym: string): readonly string[] {
  const at = keys.findIndex(({ id }) => pseudonym.startsWith(`${id}_`));
  const names: string[] = [];
  for (const key of at < 0 ? [] : keys.slice(at + 1)) {
    names.push(keyed(key, 'pseudonym', names.at(-1) ?? pseudonym));
  }
  return names;
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
