import { describe, expect, it } from '@jest/globals';
import { sequence, setOf } from '../../../test/virtual-phones/der.ts';
import { type NameInput, nameOf } from '../../../test/virtual-phones/issue-certificate.ts';
import type { Certificate } from '../certificate.ts';
import { certifiedLevel, placesOf, provisioningOf } from './chain-profile.ts';

const certificate = (subject: Uint8Array) => ({ subject }) as Certificate;
/** A chain of certificates with these names, leaf first. */
const named = (...names: readonly NameInput[]) => names.map((name) => certificate(nameOf(name)));

const LEAF = 'Android Keystore Key';
const google = (name: string): NameInput => [
  ['O', 'Google LLC'],
  ['CN', name],
];
const maker = (title: string): NameInput => [
  ['T', title],
  ['SN', 'c0ffee'],
];

describe('the profile of a chain', () => {
  it.each([
    ['remote', google('Droid CA2')],
    ['remote', google('Droid CA7')],
    ['factory', maker('TEE')],
    ['factory', [['SN', 'c0ffee']]],
    ['other', [['CN', 'Droid CA2']]],
    ['other', 'c0ffee'],
    ['other', []],
  ] as const)('is %s by the certificate under the root: %j', (provisioning, top) => {
    expect(provisioningOf(named(LEAF, 'attestation', top))).toBe(provisioning);
  });

  it('has one length', () => {
    const remote = named(LEAF, 'attestation', google('Droid CA3'), google('Droid CA2'));
    expect(placesOf(remote)).toHaveLength(4);
    const factory = named(LEAF, maker('TEE'), maker('TEE'));
    expect(placesOf(factory)).toHaveLength(3);
    const refused = expect.objectContaining({ code: 'chain-length' });
    for (const chain of [remote.slice(1), [...remote, ...remote], factory.slice(1)]) {
      expect(() => placesOf(chain)).toThrow(refused);
    }
    expect(() => placesOf([certificate(nameOf(LEAF)), ...factory])).toThrow(refused);
  });

  it.each([
    ['TEE', 'TRUSTED_ENVIRONMENT'],
    ['StrongBox', 'STRONG_BOX'],
    ['strongbox', 'SOFTWARE'],
    ['Anything', 'SOFTWARE'],
  ])('vouches in a remote chain by the organisation %s for %s', (organization, level) => {
    const attestation: NameInput = [['O', organization]];
    const chain = named(LEAF, attestation, google('Droid CA3'), google('Droid CA2'));
    expect(certifiedLevel(chain)).toBe(level);
  });

  it.each([
    [maker('StrongBox'), maker('TEE'), 'STRONG_BOX'],
    [maker('TEE'), maker('Maker StrongBox CA'), 'STRONG_BOX'],
    [maker('TEE'), maker('TEE'), undefined],
    [[['SN', '1']], [['SN', '2']], undefined],
  ] as const)('vouches in a factory chain by %j under %j for %s', (attestation, batch, level) => {
    expect(certifiedLevel(named(LEAF, attestation, batch))).toBe(level);
  });

  it('vouches for nothing by what only the leaf says', () => {
    expect(certifiedLevel(named(maker('StrongBox'), maker('TEE'), maker('TEE')))).toBeUndefined();
    expect(certifiedLevel(named(maker('StrongBox'), maker('StrongBox'), 'other'))).toBeUndefined();
  });

  it('refuses a name that is none', () => {
    const refused = expect.objectContaining({ code: 'certificate-malformed' });
    for (const subject of [Buffer.of(1), sequence(setOf(Buffer.of(5, 0)))]) {
      expect(() => provisioningOf([certificate(subject)])).toThrow(refused);
    }
  });
});
