import { beforeEach, describe, expect, it } from '@jest/globals';
import { errors, exportJWK, generateKeyPair } from 'jose';
import { IssuerKeysUnreachable, issuerKeys } from './issuer-keys.ts';

const MINUTE = 60_000;
let time: number;
let asked: number;
let answer: () => Response;
const keySet = async (...kids: string[]) => {
  const { publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return () => Response.json({ keys: kids.map((kid) => ({ ...jwk, kid, alg: 'ES256' })) });
};
const down = () => new Response(null, { status: 503 });

const start = () => {
  const keys = issuerKeys(
    'https://id.example/jwks',
    () => time,
    async () => {
      asked += 1;
      return answer();
    },
  );
  return async (kid: string) => {
    try {
      await keys({ alg: 'ES256', kid }, { payload: '', signature: '' });
      return 'found';
    } catch (error) {
      if (error instanceof IssuerKeysUnreachable) return 'unreachable';
      if (error instanceof errors.JWKSNoMatchingKey) return 'no such key';
      throw error;
    }
  };
};

beforeEach(async () => {
  time = 1_000_000;
  asked = 0;
  answer = await keySet('k1');
});

describe('the keys of an issuer', () => {
  it('are asked for once in ten minutes', async () => {
    const look = start();
    expect(await look('k1')).toBe('found');
    time += 9 * MINUTE;
    expect(await look('k1')).toBe('found');
    expect(asked).toBe(1);
    time += MINUTE;
    await look('k1');
    expect(asked).toBe(2);
  });

  it('stay good for an hour while the issuer is down, and not longer', async () => {
    const look = start();
    await look('k1');
    answer = down;
    time += 59 * MINUTE;
    expect(await look('k1')).toBe('found');
    time += MINUTE;
    expect(await look('k1')).toBe('unreachable');
    answer = await keySet('k1');
    time += MINUTE;
    expect(await look('k1')).toBe('found');
  });

  it('are not asked for by everybody while it is down', async () => {
    const look = start();
    await look('k1');
    answer = down;
    time += 11 * MINUTE;
    for (let call = 0; call < 50; call += 1) await look('k1');
    expect(asked).toBe(2);
  });

  it('hold a key that came since, once for all who ask', async () => {
    const look = start();
    await look('k1');
    answer = await keySet('k1', 'k2');
    expect(await look('k2')).toBe('no such key');
    time += MINUTE;
    expect(await Promise.all([look('k2'), look('k2')])).toEqual(['found', 'found']);
    expect(asked).toBe(2);
  });

  it('say unreachable, not forged, of a key that may have come while it was down', async () => {
    const look = start();
    await look('k1');
    answer = down;
    time += MINUTE;
    expect(await look('k2')).toBe('unreachable');
    expect(await look('k1')).toBe('found');
  });

  it.each([
    ['an endless answer', () => new Response(new Uint8Array(300 * 1024))],
    ['no JSON', () => new Response('<html>')],
    ['another JSON', () => Response.json({ keys: 3 })],
  ])('are not taken from %s', async (_, bad) => {
    answer = bad;
    expect(await start()('k1')).toBe('unreachable');
  });
});
