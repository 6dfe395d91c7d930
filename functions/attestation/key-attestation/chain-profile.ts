/**
 * The forms of certificate chains that Android phones have, after Google's own verifier
 * (https://github.com/android/keyattestation, KeyAttestationCertPath.kt and ...Validator.kt). Which
 * one a chain has is said by the certificate that Google's root issued, which nobody but Google can
 * change. Where a form asks less than RFC 5280, its fixed length and places keep an attested key,
 * which is at the end of the chain, from standing where an issuer belongs.
 */
import type { Certificate } from '../certificate.ts';
import type { PlaceRules } from '../certificate-chain.ts';
import { AttestationError } from '../errors.ts';
import { ATTRIBUTE, parseName } from '../name.ts';
import type { SecurityLevel } from './key-description.ts';

/** Whether the phone got its attestation key in the factory, for good, or gets one after the other from Google. */
export type Provisioning = 'factory' | 'remote' | 'other';

/** Dated by a clock that its holder sets: only that it was signed counts. */
const LEAF: PlaceRules = { ignoreDates: true };
/** Fully after RFC 5280. */
const STRICT: PlaceRules = {};
/** Of the factory: it cannot be renewed, so that its dates say nothing. */
const UNRENEWABLE: PlaceRules = { ignoreDates: true, inFixedChain: true };
/** Older phones' attestation certificates are no CA, and their keys are for signatures. */
const FACTORY_ATTESTATION: PlaceRules = { ...UNRENEWABLE, issues: 'as-signer' };

/** Leaf first, without the root. Of two intermediates in a remote chain, the lower is renewed by the week. */
const PLACES: Readonly<Record<Provisioning, readonly PlaceRules[]>> = {
  factory: [LEAF, FACTORY_ATTESTATION, UNRENEWABLE],
  remote: [LEAF, STRICT, STRICT, STRICT],
  other: [LEAF, STRICT, STRICT],
};

/**
 * What the certificate under the root says. Google's verifier goes by the same names, but for the
 * number in `Droid CA2`, which can change without a word; a remote chain is held to everything anyway.
 */
export function provisioningOf(chain: readonly Certificate[]): Provisioning {
  const top = chain.at(-1);
  const name: ReadonlyMap<string, string> = top ? parseName(top.subject) : new Map();
  if (name.has(ATTRIBUTE.serialNumber)) return 'factory';
  return name.get(ATTRIBUTE.organization) === 'Google LLC' ? 'remote' : 'other';
}

/** What each certificate of the chain has to be. Throws AttestationError `chain-length`. */
export function placesOf(chain: readonly Certificate[]): readonly PlaceRules[] {
  const provisioning = provisioningOf(chain);
  const places = PLACES[provisioning];
  if (chain.length !== places.length) {
    throw new AttestationError('chain-length', `${chain.length}, ${provisioning}`);
  }
  return places;
}

/**
 * The security level that the chain's issuers vouch for: Google in a remote chain, the phone's maker
 * in one of the factory, where only StrongBox has to be said. Undefined where none is said.
 */
export function certifiedLevel(chain: readonly Certificate[]): SecurityLevel | undefined {
  const [, attestation, intermediate] = chain;
  if (!attestation || !intermediate) return undefined;
  const name = parseName(attestation.subject);
  switch (provisioningOf(chain)) {
    case 'remote':
      return REMOTE_LEVELS[name.get(ATTRIBUTE.organization) ?? ''] ?? 'SOFTWARE';
    case 'factory': {
      const said = [...name.values(), ...parseName(intermediate.subject).values()];
      return said.some((text) => /strongbox/i.test(text)) ? 'STRONG_BOX' : undefined;
    }
    case 'other':
      return undefined;
  }
}

const REMOTE_LEVELS: Readonly<Record<string, SecurityLevel | undefined>> = {
  TEE: 'TRUSTED_ENVIRONMENT',
  StrongBox: 'STRONG_BOX',
};
