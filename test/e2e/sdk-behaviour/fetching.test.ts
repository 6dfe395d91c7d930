/** docs/mobile/sdk-behaviour.md in TypeScript: fetching. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../../sdk/typescript/node/file-storage.ts';
import {
  bytesOf,
  calls,
  codeOf,
  inTheField,
  network,
  otherProcess,
  phone,
  publishedModel,
} from './field.ts';

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

  it.each(['enrolment', 'events', 'reports'])(
    'R12 a model may be called as a lock is: %s',
    async (id) => {
      const [ann, model] = [phone(), await publishedModel(id)];
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    },
  );

  it('R12 and so it is with processes of the system, after one was killed with a lock', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const dead = execFile(process.execPath, ['--version']);
    await new Promise((ended) => dead.on('exit', ended));
    const storage = fileStorage(ann.folder);
    const { tag } = otherProcess.files(storage, ann.user);
    for (const name of [
      `.lock-${tag}.${Buffer.from(model.id).toString('base64url')}.model`,
      `.lock-${tag}.enrolment`,
    ]) {
      writeFileSync(join(ann.folder, name), String(dead.pid));
    }
    const digests = await Promise.all(
      Array.from({ length: 4 }, () => otherProcess.get(ann, model.id)),
    );
    const digest = createHash('sha256').update(model.bytes).digest('hex');
    expect(digests).toEqual([digest, digest, digest, digest]);
    expect(calls('enrol', 'grant', 'download')).toEqual([1, 1, 1]);
    expect(readdirSync(ann.folder).filter((name) => name.startsWith('.lock'))).toEqual([]);
  }, 60_000);

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

  it('R15 so are files of the first version, and what was half written when an app was killed', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    const files = ann.files();
    const old = 'g_AAAAAAAAAAAAAAAAAAAAAA';
    for (const name of [`${old}.record`, `${old}.model`, '.partial-4f1d3c4e', 'notes.txt']) {
      writeFileSync(join(ann.folder, name), 'old');
      utimesSync(join(ann.folder, name), 0, 0);
    }
    writeFileSync(join(ann.folder, '.partial-5a2e4d5f'), 'being written');
    await models.cleanUp();
    expect(ann.files()).toEqual([...files, 'notes.txt'].sort());
    // There may be one more: events are stored meanwhile.
    const hidden = readdirSync(ann.folder).filter((name) =>
      /^\.partial-(?:4f1d3c4e|5a2e4d5f)$/.test(name),
    );
    expect(hidden).toEqual(['.partial-5a2e4d5f']);
  });

  it('R15 what nobody can go on with is erased, and erasing everything erases it', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    await ann.start().retireDevice();
    expect(readdirSync(ann.folder).filter((name) => !name.startsWith('.'))).toEqual([]);
    await killAfterTheFirstChunk(ann, model.id);
    const pending = ann.files().find((name) => name.endsWith('.pending')) ?? '';
    rmSync(join(ann.folder, pending));
    await ann.start().cleanUp();
    expect(ann.files()).toEqual([]);
  });
});
