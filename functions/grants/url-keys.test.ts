import { beforeEach, describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { memoryKeys } from '../../test/doubles/memory/keys.ts';
import { everydayUrls, TEST_URL_KEY } from '../../test/support/url-keys.ts';
import { UnwrapError } from '../cloud/keys.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { DAY_MS } from '../time.ts';
import { createUrlSigner, renewUrlKeys, urlKeyPath } from './url-keys.ts';

const ORIGIN = 'https://storage.invalid';
const NOW = new Date('2026-11-27T23:59:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

let documents: ReturnType<typeof memoryDocuments>;
let keys: ReturnType<typeof memoryKeys>;
let unwrapped: number;
beforeEach(async () => {
  documents = memoryDocuments();
  const real = memoryKeys();
  unwrapped = 0;
  keys = {
    ...real,
    unwrap: (...args) => {
      unwrapped += 1;
      return real.unwrap(...args);
    },
  };
  await renewUrlKeys({ documents, keys }, TEST_URL_KEY, NOW);
});
const signAt = (signer: ReturnType<typeof createUrlSigner>, at: Date) =>
  signer.signReadUrl('b', 'a', at, new Date(at.getTime() + 60_000));

describe('keys for URLs', () => {
  it('sign today and two days ahead as the HMAC key itself would, and no longer', async () => {
    const signer = createUrlSigner({ documents, keys }, ORIGIN);
    for (const days of [0, 1, 2]) {
      const at = later(days * DAY_MS);
      expect(await signAt(signer, at)).toBe(await signAt(everydayUrls(ORIGIN), at));
    }
    await expect(signAt(signer, later(3 * DAY_MS))).rejects.toBeInstanceOf(UpstreamError);
    await expect(signAt(signer, later(-DAY_MS))).rejects.toBeInstanceOf(UpstreamError);
  });

  it('are asked for once in minutes, and again where none was there', async () => {
    const signer = createUrlSigner({ documents, keys }, ORIGIN);
    await Promise.all(Array.from({ length: 20 }, () => signAt(signer, NOW)));
    await signAt(signer, later(59_000));
    expect(unwrapped).toBe(1);
    // Midnight.
    await signAt(signer, later(60_000));
    await signAt(signer, later(60_000 + 599_000));
    expect(unwrapped).toBe(2);
    await signAt(signer, later(60_000 + 600_000));
    expect(unwrapped).toBe(3);

    const late = later(3 * DAY_MS);
    await expect(signAt(signer, late)).rejects.toBeInstanceOf(UpstreamError);
    await renewUrlKeys({ documents, keys }, TEST_URL_KEY, late);
    await expect(signAt(signer, late)).resolves.toContain('X-Goog-Signature=');
  });

  it('lie in the database wrapped, and end', async () => {
    const data = await documents.get(urlKeyPath('20261127'));
    expect(Object.keys(data ?? {}).sort()).toEqual(['accessId', 'day', 'expireAt', 'wrappedKey']);
    expect(data?.['expireAt']).toEqual(later(2 * DAY_MS));
    expect(JSON.stringify(data)).not.toContain(TEST_URL_KEY.secret);
  });

  it('of one day serve for no other, nor under another HMAC key, whoever writes the database', async () => {
    const today = await documents.get(urlKeyPath('20261127'));
    const tomorrow = await documents.get(urlKeyPath('20261128'));
    for (const forged of [tomorrow, { ...today, accessId: `GOOG${'X'.repeat(57)}` }]) {
      await documents.set(urlKeyPath('20261127'), { ...forged });
      const signer = createUrlSigner({ documents, keys }, ORIGIN);
      await expect(signAt(signer, NOW)).rejects.toBeInstanceOf(UnwrapError);
    }
  });

  it('follow another HMAC key within minutes', async () => {
    const signer = createUrlSigner({ documents, keys }, ORIGIN);
    await signAt(signer, NOW);
    const next = { ...TEST_URL_KEY, accessId: `GOOG1E${'NEXT'.repeat(13)}XYZ` };
    await renewUrlKeys({ documents, keys }, next, NOW);
    expect(await signAt(signer, later(59_000))).toContain(TEST_URL_KEY.accessId);
    expect(await signAt(signer, later(600_000))).toContain(next.accessId);
  });
});
