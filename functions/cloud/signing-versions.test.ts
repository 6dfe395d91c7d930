import { describe, expect, it } from '@jest/globals';
import { memoryKeyRing, memoryKeys } from '../../test/doubles/memory/keys.ts';
import { testEnvironment } from '../../test/support/environment.ts';
import { loadConfig } from '../config.ts';
import { chosenVersions, signedBy, signingKidOf } from './signing-versions.ts';

const versions = { signing: 2, announced: [3], retired: [1] };
const first = { signing: 1, announced: [], retired: [] };
const keys = { manifest: versions, licence: first, device: first };

describe('the version that signs', () => {
  it('is the one that was chosen, whatever else there is', () => {
    expect(signingKidOf(keys, 'manifest')).toBe('manifest.2');
    expect(signedBy(keys, 'manifest.2')).toBe('manifest');
    for (const kid of ['manifest.1', 'manifest.3', 'manifest.4', 'licence.2', 'manifest.2 ', '']) {
      expect(signedBy(keys, kid)).toBeUndefined();
    }
  });

  it('is told with the announced and the retired ones, and with no other', () => {
    expect(chosenVersions(keys, 'manifest').map(({ kid, state }) => [kid, state])).toEqual([
      ['manifest.2', 'signing'],
      ['manifest.3', 'announced'],
      ['manifest.1', 'retired'],
    ]);
  });

  it('changes with the choice alone: the keys stay what they are', async () => {
    const ring = memoryKeyRing();
    const before = await memoryKeys(
      { ...keys, manifest: { ...versions, signing: 1, retired: [] } },
      ring,
    ).publicKeys('manifest');
    const after = await memoryKeys(
      { ...keys, manifest: { signing: 3, announced: [], retired: [1] } },
      ring,
    ).publicKeys('manifest');
    const jwkOf = (all: typeof after, kid: string) => all.find((key) => key.kid === kid)?.jwk;
    expect(jwkOf(after, 'manifest.1')).toEqual(jwkOf(before, 'manifest.1'));
    expect(after[0].kid).toBe('manifest.3');
    expect(jwkOf(after, 'manifest.3')).toEqual(jwkOf(before, 'manifest.3'));
  });
});

describe('SIGNING_KEYS', () => {
  const load = (text: string | undefined) => () =>
    loadConfig({ ...testEnvironment(), SIGNING_KEYS: text });

  it.each([
    ['nothing', undefined],
    [
      'no version that signs',
      JSON.stringify({ ...keys, licence: { announced: [1], retired: [] } }),
    ],
    [
      'a version in two states',
      JSON.stringify({ ...keys, licence: { signing: 1, announced: [1], retired: [] } }),
    ],
    ['version 0', JSON.stringify({ ...keys, licence: { signing: 0, announced: [], retired: [] } })],
    ['one key of the three', JSON.stringify({ licence: versions })],
    ['two keys of the three', JSON.stringify({ manifest: versions, licence: first })],
    ['a fourth key', JSON.stringify({ ...keys, vault: versions })],
    [
      '"newest"',
      JSON.stringify({ ...keys, licence: { signing: 'newest', announced: [], retired: [] } }),
    ],
  ])('refuses %s: no function starts', (_name, text) => {
    expect(load(text)).toThrow('SIGNING_KEYS');
  });

  it('is taken as it is', () => {
    expect(load(JSON.stringify(keys))().signingKeys).toEqual(keys);
  });
});
