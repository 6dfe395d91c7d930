import { NEW_MODELS_A_DAY } from '../../functions/fraud/collection-budget.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { generateRecipientKey } from '../../functions/protocol/hpke.ts';
import { LOCAL_ANDROID_APP } from '../../test/doubles/vendors.ts';
import type { Person } from '../../test/support/person.ts';
import { mustBe, refusalOf, type Story } from '../../test/support/story.ts';
import { createTestRoots } from '../../test/virtual-phones/test-roots.ts';
import { virtualIphone } from '../../test/virtual-phones/virtual-iphone.ts';
import { ROOTED, virtualPixel } from '../../test/virtual-phones/virtual-pixel.ts';
import { EFFECTS, type Scene } from './prologue.ts';

/** How long the local revocation list is kept, and a little more. */
const REVOCATION_LIST_MS = 1200;
/** How long a hoarder goes on, at most, until he is blocked. */
const HOARDER_MS = 60_000;
const SUITE = 'P256-HKDF-SHA256-AES256GCM';

/** What thieves try, and what becomes of it. */
export async function tellAttacks(story: Story, scene: Scene): Promise<void> {
  await story.step('A recorded request, sent again: its challenge is spent', async () => {
    const phone = scene.phone('carl');
    const request = await recordedRequest(phone, 'selfie');
    await phone.api.grant('selfie', request);
    const replayed = await refusalOf(phone.api.grant('selfie', request), 'challenge_spent');
    mustBe(replayed.status === 409, '409');
    const mallory = scene.phone('mallory');
    const stolen = await refusalOf(mallory.api.grant('selfie', request), 'challenge_invalid');
    return `again: ${replayed.status} ${replayed.code}; by another user: ${stolen.status} ${stolen.code}`;
  });

  await story.step("Zoe's personal model does not exist for anybody else", async () => {
    const mallory = scene.phone('mallory');
    const others = await refusalOf(mallory.client.grant('zoe-1'), 'model_unknown');
    mustBe(others.status === 404, '404');
    const { grantId } = await scene.phone('zoe').client.grant('zoe-1');
    return `for Mallory: ${others.status} ${others.code}; for Zoe: grant ${grantId}`;
  });

  await story.step('A forged phone, another app and no token get nothing', async () => {
    const forger = scene.phone('forger');
    const forged = virtualIphone({
      roots: createTestRoots(),
      ...scene.stack.app,
      environment: 'production',
    });
    const attested = await refusalOf(enrolAs(forger, forged), 'attestation_failed');
    const copied = virtualIphone({
      roots: scene.stack.roots,
      ...scene.stack.app,
      bundleId: 'example.copycat',
      environment: 'production',
    });
    const otherApp = await refusalOf(enrolAs(forger, copied), 'device_not_trusted');
    const nobody = await fetch(new URL('/v1/models', scene.stack.baseUrl));
    mustBe(nobody.status === 401, '401 without a token');
    return `forged: ${attested.code}; other app: ${otherApp.code}; no token: ${nobody.status}`;
  });

  await story.step("Adam's Pixel enrols and gets a model; a rooted one does not", async () => {
    const { roots, vendors } = scene.stack;
    const genuine = { roots, ...LOCAL_ANDROID_APP, playIntegrity: vendors.play, strongBox: true };
    const adam = scene.phone('adam', virtualPixel(genuine));
    using model = await adam.models.get('selfie');
    await model.withModel((bytes) =>
      mustBe(scene.originals.selfie.bytes.equals(bytes), 'opened, byte for byte'),
    );
    const rooted = scene.phone('roy', virtualPixel({ ...genuine, overrides: ROOTED }));
    const refused = await refusalOf(rooted.client.enrol(), 'device_not_trusted');
    const leaked = virtualPixel(genuine);
    vendors.revoke(leaked.keystore.serialNumber);
    await new Promise((done) => setTimeout(done, REVOCATION_LIST_MS));
    const revoked = scene.phone('lea', leaked);
    const keybox = await refusalOf(revoked.client.enrol(), 'attestation_failed');
    return `Adam's opened it; rooted: ${refused.code}; leaked keybox: ${keybox.code}`;
  });

  await story.step('A jailbroken phone is watched: its app reports it', async () => {
    const phone = scene.phone('jim');
    phone.models.observe({ type: 'rasp.signal', cause: 'jailbreak' });
    await phone.models.sendReports();
    const userId = scene.services.pseudonyms.user(scene.stack.issuer, 'jim');
    const risk = await eventually(() => scene.services.documents.get(`risk/user_${userId}`));
    mustBe(risk !== undefined, 'the report reached the scoring function');
    return 'scored within moments; a report alone blocks nobody, since apps can lie';
  });

  await story.step('A hoarder is slowed down, then blocked', async () => {
    const hoarder = scene.phone('hugo');
    const granted = new Set<string>();
    const outcomes: string[] = [];
    let retryAfterSeconds: number | undefined;
    const until = Date.now() + HOARDER_MS;
    while (Date.now() < until && outcomes.at(-1) !== 'blocked') {
      const effect = `effect-${(outcomes.length % EFFECTS) + 1}`;
      const outcome = await hoarder.client.grant(effect).then(
        () => 'granted',
        (error: { code: string; retryAfterSeconds?: number }) => {
          retryAfterSeconds = error.retryAfterSeconds;
          return error.code;
        },
      );
      outcomes.push(outcome);
      if (outcome === 'granted') granted.add(effect);
      else await new Promise((done) => setTimeout(done, 150));
    }
    const refused = outcomes.filter((each) => each === 'quota_exceeded').length;
    mustBe(refused > 0, 'his budget of new models was used up (429)');
    mustBe(outcomes.at(-1) === 'blocked', 'he was blocked (403)');
    // Different ones: where scoring takes long, he comes round to those that he has, and may have them again.
    mustBe(granted.size <= NEW_MODELS_A_DAY, 'he got no more new models than the budget gives');
    const hours = Math.round((retryAfterSeconds ?? 0) / 360) / 10;
    return `${granted.size} models, then ${refused} × 429, then 403 blocked for ${hours} h`;
  });

  await story.step('His neighbour gets what she asks for', async () => {
    using model = await scene.phone('nora').models.get('effect-1');
    await model.withModel((bytes) =>
      mustBe(scene.originals.selfie.bytes.equals(bytes), 'opened, byte for byte'),
    );
    return `effect-1 opened under licence until ${new Date(model.tokens.licence.exp * 1000).toISOString()}`;
  });
}

/** What a thief would record: a whole request with a valid proof. */
async function recordedRequest(phone: Person, modelId: string) {
  const { deviceId, keyHandle } = await phone.client.enrol();
  const { publicKey } = await generateRecipientKey(SUITE);
  const bytes = Buffer.from(
    JSON.stringify({
      type: 'model.grant',
      challenge: await phone.api.challenge('model.grant'),
      deviceId,
      modelId,
      version: 'latest',
      recipientKey: toBase64url(publicKey),
      suite: SUITE,
      appVersion: phone.platform.appVersion,
    }),
  );
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return { clientData: toBase64url(bytes), proof: await phone.platform.prove(keyHandle, hash) };
}

async function enrolAs(phone: Person, platform: Person['platform']) {
  const bytes = Buffer.from(
    JSON.stringify({
      type: 'device.enroll',
      challenge: await phone.api.challenge('device.enroll'),
      platform: platform.platform,
      appId: platform.appId,
      appVersion: platform.appVersion,
    }),
  );
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const { attestation } = await platform.createAttestedKey(hash);
  return phone.api.enrol(toBase64url(bytes), attestation);
}

/** What `look` finds, tried for five seconds. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (let i = 0; i < 50; i++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  return undefined;
}
