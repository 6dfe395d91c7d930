/**
 * Which versions of the signing keys there are for us, and which of each signs. Chosen in the
 * configuration (docs/decisions/0017): whoever may make a version in the key service cannot make it sign.
 */
import type { KeyState, SigningKeyName, SigningVersions } from './keys.ts';

/** What was chosen, for each key. */
export type SigningKeys = Readonly<Record<SigningKeyName, SigningVersions>>;

/** The kid of a version, as tokens and `/v1/keys` have it. */
const kidOf = (key: SigningKeyName, version: number): string => `${key}.${version}`;

/** The kid that new tokens are signed under. */
export const signingKidOf = (keys: SigningKeys, key: SigningKeyName): string =>
  kidOf(key, keys[key].signing);

/** The key that `kid` is the signing version of; undefined for every other kid. */
export const signedBy = (keys: SigningKeys, kid: string): SigningKeyName | undefined =>
  (['manifest', 'licence', 'device'] as const).find((key) => signingKidOf(keys, key) === kid);

/** The chosen versions of a key: the one that signs first. */
export function chosenVersions(
  keys: SigningKeys,
  key: SigningKeyName,
): readonly { readonly kid: string; readonly version: number; readonly state: KeyState }[] {
  const { signing, announced, retired } = keys[key];
  const as = (state: KeyState) => (version: number) => ({
    kid: kidOf(key, version),
    version,
    state,
  });
  return [as('signing')(signing), ...announced.map(as('announced')), ...retired.map(as('retired'))];
}
