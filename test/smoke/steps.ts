/**
 * The story of a deployment, from outside, against any base URL. What needs an enrolled device runs
 * only where the deployment trusts a virtual one: a production deployment must not.
 */
import { rmSync } from 'node:fs';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { type Person, personWithPhone } from '../support/person.ts';
import { mustBe, refusalOf, type Story } from '../support/story.ts';
import { createTestRoots, loadTestRoots } from '../virtual-phones/test-roots.ts';
import { type SmokeIdentity, userToken } from './identity.ts';

export interface SmokeOptions {
  /** Without a path. */
  readonly baseUrl: string;
  readonly identity: SmokeIdentity;
}

/** Tells what was seen; a step that fails is in the story's results. */
export async function smoke(story: Story, { baseUrl, identity }: SmokeOptions): Promise<void> {
  let token = '';
  let pinnedKeys: readonly VerificationKey[] = [];
  const phones: Person[] = [];
  const phoneOf = (roots = createTestRoots()) => {
    const { app } = identity;
    const phone = personWithPhone({
      ...{ baseUrl, app, roots, pinnedKeys, user: 'smoke' },
      token: async () => token,
    });
    phones.push(phone);
    return phone;
  };

  try {
    await story.step('Every function of the API is healthy', async () => {
      const names = FUNCTIONS.filter(({ trigger }) => trigger.kind === 'http').map(
        ({ name }) => name,
      );
      for (const name of names) {
        const { status } = await fetch(new URL(`/health/${name}`, baseUrl));
        mustBe(status === 200, `${name} answers 200, not ${status}`);
      }
      return names.join(', ');
    });

    await story.step('Who has no user token gets nothing', async () => {
      const stranger = new ApiClient({ baseUrl, userToken: async () => 'none' });
      const { code } = await refusalOf(stranger.models(), 'token_invalid');
      return code;
    });

    await story.step('What is not there is a problem document', async () => {
      const response = await fetch(new URL('/v1/nothing', baseUrl));
      const type = response.headers.get('content-type') ?? '';
      mustBe(
        response.status === 404 && type.includes('problem+json'),
        `404, not ${response.status}`,
      );
      return type;
    });

    await story.step('The public keys are served', async () => {
      const response = await fetch(new URL('/v1/keys', baseUrl));
      const { keys } = (await response.json()) as {
        keys: (VerificationKey['jwk'] & { kid: string })[];
      };
      pinnedKeys = keys.map(({ kid, kty, crv, x, y }) => ({ kid, jwk: { kty, crv, x, y } }));
      const purposes = ['manifest', 'licence'];
      for (const purpose of purposes) {
        mustBe(
          keys.some(({ kid }) => kid.startsWith(`${purpose}.`)),
          `a key for ${purpose}s`,
        );
      }
      return keys.map(({ kid }) => kid).join(', ');
    });

    await story.step('The user signs in and sees the model', async () => {
      token = await userToken(identity);
      const models = await new ApiClient({ baseUrl, userToken: async () => token }).models();
      mustBe(
        models.some(({ modelId }) => modelId === identity.model),
        `${identity.model} is listed`,
      );
      return models
        .map(({ modelId }) => modelId)
        .slice(0, 10)
        .join(', ');
    });

    await story.step('A phone under a forged root is refused', async () => {
      const { code } = await refusalOf(phoneOf().client.enrol(), 'attestation_failed');
      return code;
    });

    const { testRoots, model } = identity;
    if (testRoots !== undefined) {
      await deviceSteps(story, () => phoneOf(loadTestRoots(testRoots)), model);
    }
  } finally {
    for (const { directory } of phones) rmSync(directory, { recursive: true, force: true });
  }
}

async function deviceSteps(story: Story, makePhone: () => Person, model: string): Promise<void> {
  let made: Person | undefined;
  let deviceId = '';
  const theirs = (): Person => {
    if (!made) throw new Error('there is no phone');
    return made;
  };

  await story.step('A phone enrols', async () => {
    made = makePhone();
    ({ deviceId } = await made.client.enrol());
    return deviceId;
  });

  await story.step('It gets the model, opens it and keeps it encrypted', async () => {
    const opened = await theirs().models.get(model);
    const size = await opened.withModel((bytes) => bytes.byteLength);
    mustBe(size > 0, 'the model has bytes');
    return `${size} bytes, as the manifest says`;
  });

  await story.step('The stored copy opens again', async () => {
    const opened = await theirs().models.get(model);
    return `${await opened.withModel((bytes) => bytes.byteLength)} bytes from storage`;
  });

  await story.step('It reports', async () => {
    await theirs().models.sendReports();
    return 'accepted';
  });

  await story.step('Its licence is renewed', async () => {
    const { client, store } = theirs();
    const [held] = await store.licences();
    if (!held) throw new Error('there is no copy');
    const { licence, nonce } = await client.renew(held.grantId, held.sha256);
    await store.renew(held.grantId, licence, nonce);
    const [renewed] = await store.licences();
    mustBe(renewed !== undefined && renewed.exp >= held.exp, 'the licence ends later');
    return `until ${new Date(renewed.exp * 1000).toISOString()}`;
  });

  await story.step('The user sees what is held', async () => {
    const device = await deviceAsHeld(theirs(), deviceId);
    mustBe(device !== undefined, 'the device is in the export');
    return `device ${deviceId}`;
  });

  // Also so that the next run finds room among the user's devices.
  await story.step('The phone is retired', async () => {
    const phone = theirs();
    await phone.models.retireDevice();
    mustBe((await phone.store.list()).length === 0, 'no copy is left on it');
    const device = await deviceAsHeld(phone, deviceId);
    mustBe(Boolean(device?.['retiredAt']), 'it is retired');
    return `device ${deviceId}`;
  });
}

/** A device as the user's export shows it; undefined where it is not there. */
async function deviceAsHeld({ api }: Person, deviceId: string) {
  const { devices } = (await api.exportMe()) as {
    readonly devices: readonly Readonly<Record<string, unknown>>[];
  };
  return devices.find((device) => device['deviceId'] === deviceId);
}
