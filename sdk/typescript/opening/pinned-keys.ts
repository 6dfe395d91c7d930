import type { VerificationKey } from '../../../functions/protocol/jws.ts';

const KID = /^(?:manifest|licence)\.[1-9][0-9]{0,9}$/;

/**
 * The keys, once they can be a set of pins: each under its own name, and for either purpose at least
 * one. A second key under a name would be a key that nobody looks at, until the first is taken out.
 *
 * @throws {RangeError} They are none; a mistake of the build, not of the phone.
 */
export function requirePins(keys: readonly VerificationKey[]): readonly VerificationKey[] {
  const kids = keys.map(({ kid }) => kid);
  const strange = kids.find((kid) => !KID.test(kid));
  if (strange !== undefined) throw new RangeError(`not the name of a pinned key: ${strange}`);
  if (new Set(kids).size < kids.length) throw new RangeError('two pinned keys of one name');
  for (const purpose of ['manifest', 'licence']) {
    if (!kids.some((kid) => kid.startsWith(`${purpose}.`))) {
      throw new RangeError(`no pinned ${purpose} key`);
    }
  }
  return keys;
}
