/** docs/mobile/sdk-behaviour.md in TypeScript: patches of what lies there. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  bytesOf,
  calls,
  codeOf,
  inTheField,
  network,
  phone,
  publishedModel,
  versionOf,
} from './field.ts';

inTheField();

/** A phone with the first version, and a second one that differs in its last tenth. */
async function outdated() {
  const [ann, model] = [phone(), await publishedModel()];
  await ann.start().get(model.id);
  const next = Buffer.from(model.bytes);
  next.set(randomBytes(next.length / 10), (next.length / 10) * 9);
  await model.update('2.0.0', next);
  network.reset();
  return { ann, model, next };
}

describe('patches', () => {
  it('R31 what changed comes alone, and makes the new version from the old copy', async () => {
    const { ann, model, next } = await outdated();
    const models = ann.start({ updates: 'now' });
    expect((await bytesOf(await models.get(model.id))).equals(next)).toBe(true);
    expect(calls('grant', 'download')).toEqual([1, 1]);
    expect(network.deliveredBytes()).toBeLessThan(0.11 * next.length);
    // What it was made from is erased as ever, and the new copy stands alone.
    await ann.start().cleanUp();
    expect((await bytesOf(await ann.start().get(model.id))).equals(next)).toBe(true);
    expect(ann.files().filter((name) => name.endsWith('.model'))).toHaveLength(1);
  });

  it('R31 a version of other bytes comes whole', async () => {
    const { ann, model } = await outdated();
    const next = await model.update('3.0.0');
    network.reset();
    const models = ann.start({ updates: 'now' });
    expect((await bytesOf(await models.get(model.id))).equals(next)).toBe(true);
    expect(calls('grant')).toEqual([1]);
    expect(network.deliveredBytes()).toBeGreaterThan(next.length);
  });

  it('R31 the same bytes under another version, or asked for in another way, are not fetched again', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id, { version: '1.0.0' });
    await model.update('2.0.0', model.bytes);
    network.reset();
    const models = ann.start();
    expect(await versionOf(models, model.id)).toBe('2.0.0');
    expect((await bytesOf(await models.get(model.id))).equals(model.bytes)).toBe(true);
    expect(network.deliveredBytes()).toBeLessThan(1000);
  });

  it('R31 a patch that was tampered with gives way to the whole, once, and the old copy stays', async () => {
    const { ann, model, next } = await outdated();
    network.order({ call: 'download', kind: 'damage', bytes: 5000, times: 3 });
    const models = ann.start({ updates: 'now' });
    expect((await bytesOf(await models.get(model.id))).equals(next)).toBe(true);
    expect(calls('grant', 'download')).toEqual([2, 4]);
  });

  it('R31 no more than once: a whole that does not open either is an error, and the old copy opens', async () => {
    const { ann, model } = await outdated();
    network.order({ call: 'download', kind: 'damage', bytes: 5000, times: 9 });
    const models = ann.start({ updates: 'now' });
    expect(await codeOf(models.get(model.id))).toBe('chunk-forged');
    expect(calls('grant', 'download')).toEqual([2, 6]);
    network.reset();
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
  });

  it('R31 a copy that is not what was written is no base: the whole comes', async () => {
    const { ann, model, next } = await outdated();
    const file = ann.files().find((name) => name.endsWith('.model')) ?? '';
    // Its header is whole, so that it looks as if it opened.
    const stored = Buffer.from((await ann.storage.read(file, 0, 4_000_000)) ?? []);
    stored.fill(0, 10_000, 20_000);
    writeFileSync(join(ann.folder, file), stored);
    const models = ann.start({ updates: 'now' });
    expect((await bytesOf(await models.get(model.id))).equals(next)).toBe(true);
    expect(calls('grant')).toEqual([2]);
  });

  it('R31 killed in the middle of a patch, the next launch begins it again', async () => {
    const { ann, model, next } = await outdated();
    const stopped = new AbortController();
    const first = ann.start({ updates: 'now' });
    const onProgress = () => stopped.abort(new Error('killed'));
    await expect(first.get(model.id, { onProgress, signal: stopped.signal })).rejects.toThrow();
    const models = ann.start({ updates: 'now' });
    expect((await bytesOf(await models.get(model.id))).equals(next)).toBe(true);
    expect(calls('grant')).toEqual([1]);
    expect(network.deliveredBytes()).toBeLessThan(0.25 * next.length);
  });
});
