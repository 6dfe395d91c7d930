/** docs/mobile/sdk-behaviour.md in TypeScript: fetching. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../../sdk/typescript/node/file-storage.ts';
import { bytesOf, calls, codeOf, inTheField, network, phone, publishedModel } from './field.ts';

inTheField();

describe('fetching', () => {
  it('R11 five at once share one enrolment, one grant and one download', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const opened = await Promise.all(Array.from({ length: 5 }, () => models.get(model.id)));
    for (const one of opened) expect((await bytesOf(one)).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant', 'download')).toEqual([1, 1, 1]);
  });

  it('R11 who gives up alone stops nobody', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const quitter = new AbortController();
    const other = models.get(model.id);
    const quitting = models.get(model.id, { signal: quitter.signal });
    quitter.abort(new Error('enough'));
    await expect(quitting).rejects.toThrow('enough');
    expect((await bytesOf(await other)).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([1]);
  });

  it('R12 of several processes one fetches and the others use its copy', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const processes = Array.from({ length: 3 }, () => {
      ann.storage = fileStorage(ann.folder);
      return ann.start();
    });
    const opened = await Promise.all(processes.map((models) => models.get(model.id)));
    for (const one of opened) expect((await bytesOf(one)).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant')).toEqual([1, 1]);
  });

  async function killAfterTheFirstChunk(ann: ReturnType<typeof phone>, id: string) {
    network.order(
      { call: 'download', kind: 'truncate', bytes: 1_500_000 },
      { call: 'download', kind: 'reset', times: 9 },
    );
    const models = ann.start();
    const onProgress = () => void models.signOut();
    expect(await codeOf(models.get(id, { onProgress }))).toBe('closed');
    network.endFaults();
  }

  it('R13 killed in mid-download, the next start goes on with the same grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    const progress: number[] = [];
    const onProgress = (done: number) => void progress.push(done);
    const open = await ann.start().get(model.id, { onProgress });
    expect((await bytesOf(open)).equals(model.bytes)).toBe(true);
    expect(progress[0]).toBeGreaterThan(2 ** 20);
    expect(calls('grant')).toEqual([1]);
    expect(ann.files().filter((name) => name.endsWith('.pending'))).toEqual([]);
  });

  it('R14 where the URL has ended, one new grant takes the chunks over', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    network.order({ call: 'download', kind: 'status', status: 403 });
    const progress: number[] = [];
    const onProgress = (done: number) => void progress.push(done);
    const open = await ann.start().get(model.id, { onProgress });
    expect((await bytesOf(open)).equals(model.bytes)).toBe(true);
    expect(progress[0]).toBeGreaterThan(2 ** 20);
    expect(calls('grant')).toEqual([2]);
    expect(ann.files()).toHaveLength(2);
  });

  it('R15 what nobody can go on with is erased, and erasing everything erases it', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    await ann.start().retireDevice();
    expect(ann.files()).toEqual([]);
    await killAfterTheFirstChunk(ann, model.id);
    const pending = ann.files().find((name) => name.endsWith('.pending')) ?? '';
    rmSync(join(ann.folder, pending));
    await ann.start().cleanUp();
    expect(ann.files()).toEqual([]);
  });
});
