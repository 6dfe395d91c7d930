import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { streamOf } from '../../functions/protocol/bytes.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import type { Grant } from '../../sdk/typescript/client.ts';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { openGrant } from '../../sdk/typescript/opening/open-grant.ts';
import { mustBe, refusalOf, type Story, timeText } from '../../test/support/story.ts';
import {
  withFlippedByte,
  withoutLastChunk,
  withSwappedChunks,
} from '../../test/support/tampering.ts';
import { sizeText } from '../terminal/units.ts';
import { type Scene, SEALED_TTL_SECONDS, URL_TTL_SECONDS } from './prologue.ts';

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url');

/** A model from the vault to a phone, into its storage, and what happens to the copy on the way. */
export async function tellMainJob(story: Story, scene: Scene): Promise<void> {
  const ann = scene.phone('ann');
  let grant: Grant | undefined;
  let sealed: Buffer | undefined;

  await story.step("Ann's iPhone enrols: App Attest vouches for its key", async () => {
    const { deviceId } = await ann.client.enrol();
    return `device ${deviceId}`;
  });

  await story.step('Ann asks for the pose model and gets it, sealed for this one use', async () => {
    const startedAt = performance.now();
    grant = await ann.client.grant('pose');
    const grantedMs = performance.now() - startedAt;
    sealed = Buffer.concat(await Array.fromAsync(await ann.api.download(grant.url)));
    mustBe(sealed.length === grant.sizeBytes, 'the download is as long as was said');
    return (
      `granted in ${timeText(grantedMs)}, ${sizeText(sealed.length)} downloaded ` +
      `in ${timeText(performance.now() - startedAt - grantedMs)}`
    );
  });
  if (!grant || !sealed) return;
  const [theGrant, theSealed] = [grant, sealed];

  await story.step('Her phone opens it: the very bytes that were published', async () => {
    const startedAt = performance.now();
    const model = await open(scene, theGrant, theSealed);
    mustBe(digest(model) === scene.originals.pose.sha256, 'SHA-256 equal to the original');
    return `SHA-256 ${digest(model)}, opened in ${timeText(performance.now() - startedAt)}`;
  });

  await story.step('Stored under a hardware-wrapped key, and opened again from there', async () => {
    using model = await ann.models.get('pose');
    await model.withModel((bytes) =>
      mustBe(digest(bytes) === scene.originals.pose.sha256, 'the same bytes from storage'),
    );
    const { layers } = model.tokens.manifest;
    const layer = layers.reduce((a, b) => (a.length > b.length ? a : b));
    const original = scene.originals.pose.bytes.subarray(layer.offset, layer.offset + layer.length);
    await model.withLayer(layer.index, (weights) =>
      mustBe(original.equals(weights), 'one layer loaded without the rest'),
    );
    const noise = await model.encryptedWeights();
    mustBe(
      !Buffer.from(noise).includes(original.subarray(0, 64)),
      'inside the file, weights are still encrypted',
    );
    mustBe(!(await holds(ann.directory, original.subarray(0, 64))), 'no plaintext on the disk');
    return `layer ${layer.name ?? layer.index} (${sizeText(layer.length)}) loaded alone; no plaintext on the disk`;
  });

  await story.step("Bob's enrolled phone has the same bytes, and cannot open them", async () => {
    const bob = scene.phone('bob');
    await bob.client.enrol();
    const { deviceId, recipientKey } = await bob.client.grant('selfie');
    const stolen = { ...theGrant, deviceId, recipientKey };
    const asHis = await refusalOf(open(scene, stolen, theSealed), 'token-mismatch');
    const asHers = { ...theGrant, recipientKey };
    const withHisKey = await refusalOf(open(scene, asHers, theSealed), 'key-refused');
    return `as his own: ${asHis.code}; as hers, with his key: ${withHisKey.code}`;
  });

  await story.step(
    'A byte flipped, a chunk dropped, two chunks swapped: each is noticed',
    async () => {
      const cases = [
        ['flipped byte', withFlippedByte(theSealed), 'chunk-forged'],
        ['dropped chunk', withoutLastChunk(theSealed), 'container-truncated'],
        ['swapped chunks', withSwappedChunks(theSealed), 'chunk-forged'],
      ] as const;
      const seen: string[] = [];
      for (const [what, bytes, code] of cases) {
        await refusalOf(open(scene, theGrant, bytes), code);
        seen.push(`${what}: ${code}`);
      }
      return seen.join('; ');
    },
  );

  await story.step('In the buckets there is ciphertext only', async () => {
    const { vault, sealed: delivery } = scene.services.config.buckets;
    const weights = scene.originals.pose.bytes.subarray(5_000_000, 5_000_064);
    let objects = 0;
    for (const bucket of [vault, delivery]) {
      for await (const { name } of scene.services.objects.list(bucket, '')) {
        const bytes = Buffer.concat(
          await Array.fromAsync(scene.services.objects.read(bucket, name)),
        );
        mustBe(!bytes.includes(weights), `${bucket}/${name} is encrypted`);
        mustBe(bytes.subarray(4, 8).toString() !== 'TFL3', `${bucket}/${name} is no model`);
        objects += 1;
      }
    }
    return `${objects} objects searched for the model's weights`;
  });

  await story.step(`The URL ends after ${URL_TTL_SECONDS} s, the object is swept`, async () => {
    const { endsAt } = { endsAt: Date.parse(theGrant.urlExpiresAt) };
    await until(endsAt + 500);
    const over = await refusalOf(ann.api.download(theGrant.url), 'url_ended');
    mustBe(over.status === 403, 'the URL is refused');
    await until(endsAt + (SEALED_TTL_SECONDS - URL_TTL_SECONDS + 1) * 1000);
    mustBe((await scene.stack.runScheduled('sweep')) === 200, 'the sweep ran');
    const { sealed: bucket } = scene.services.config.buckets;
    const left = await Array.fromAsync(scene.services.objects.list(bucket, ''));
    mustBe(!left.some(({ name }) => name.endsWith(theGrant.grantId)), 'the object is gone');
    const name = decodeURIComponent(new URL(theGrant.url).pathname).split(`/${bucket}/`)[1] ?? '';
    const soon = new Date(Date.now() + 60_000);
    const fresh = await scene.services.urls.signReadUrl(bucket, name, new Date(), soon);
    const gone = await refusalOf(ann.api.download(fresh), 'url_ended');
    mustBe(gone.status === 404, 'even a fresh URL finds nothing');
    return 'the URL: 403; the object after the sweep: 404';
  });
}

async function open(scene: Scene, grant: Grant, sealed: Uint8Array): Promise<Uint8Array> {
  const accepted = await acceptGrant(nodeCrypto, {
    grant,
    expected: { deviceId: grant.deviceId, model: 'pose' },
    recipientKey: grant.recipientKey,
    pinnedKeys: scene.pinnedKeys,
    now: new Date(),
  });
  return openGrant(nodeCrypto, accepted, streamOf(sealed));
}

async function holds(directory: string, bytes: Buffer): Promise<boolean> {
  for (const name of await readdir(directory)) {
    if ((await readFile(join(directory, name))).includes(bytes)) return true;
  }
  return false;
}

const until = (time: number) =>
  new Promise<void>((done) => setTimeout(done, Math.max(0, time - Date.now())));
