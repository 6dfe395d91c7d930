/** docs/mobile/sdk-behaviour.md in TypeScript: R27, by what the service was sent. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { softwareKey } from '../../../sdk/typescript/node/software-key.ts';
import {
  calls,
  codeOf,
  inTheField,
  network,
  otherProcess,
  phone,
  publishedModel,
} from './field.ts';

inTheField();

const causes = () => network.reported.map(({ cause }) => cause);
const types = () => network.reported.map(({ type }) => type);

describe('events', () => {
  it('R27 events are kept until they were accepted, and repeated under their ids', async () => {
    const models = phone().start();
    models.observe({ type: 'app.started' });
    network.order(
      { call: 'report', kind: 'answer-lost' },
      { call: 'report', kind: 'reset', times: 3 },
    );
    expect(await codeOf(models.sendReports())).toBe('unreachable');
    models.observe({ type: 'rasp.checked' });
    await models.sendReports();
    await models.sendReports();
    expect(types()).toEqual([...Array.from({ length: 5 }, () => 'app.started'), 'rasp.checked']);
    expect(new Set(network.reported.map(({ eventId }) => eventId)).size).toBe(2);
  });

  it('R27 of more than a thousand the newest are kept, and sent a hundred at a time', async () => {
    const models = phone().start();
    for (let n = 0; n < 1050; n++) {
      models.observe({ type: 'app.started', cause: `n${n}` });
    }
    await models.sendReports();
    expect(causes()).toEqual(Array.from({ length: 1000 }, (_, n) => `n${n + 50}`));
    expect(network.calls.get('report')).toBe(10);
  });

  it('R27 events outlive the app, under their ids, and are told of once', async () => {
    const ann = phone();
    const first = ann.start();
    first.observe({ type: 'rasp.signal', cause: 'hook' });
    network.order({ call: 'report', kind: 'answer-lost', times: 4 });
    expect(await codeOf(first.sendReports())).toBe('unreachable');
    await ann.start().sendReports();
    await ann.start().sendReports();
    expect(types()).toEqual(Array.from({ length: 5 }, () => 'rasp.signal'));
    expect(new Set(network.reported.map(({ eventId }) => eventId)).size).toBe(1);
    expect(ann.eventFile()).toBeUndefined();
  });

  it('R27 a process killed while it writes loses at most what it was writing', async () => {
    const ann = phone();
    for (const round of ['a', 'b', 'c']) {
      const writing = otherProcess.observe(ann, round, 1e6);
      const killed = expect(writing).rejects.toMatchObject({ signal: 'SIGKILL' });
      const before = ann.eventFile() && readFileSync(ann.eventFile() ?? '').length;
      while (!ann.eventFile() || readFileSync(ann.eventFile() ?? '').length === before) {
        await sleep(5);
      }
      await sleep(Math.random() * 50);
      writing.child.kill('SIGKILL');
      await killed;
    }
    await ann.start().sendReports();
    for (const round of ['a', 'b', 'c']) {
      const own = causes().filter((cause) => cause?.startsWith(round));
      expect(own.length).toBeGreaterThan(0);
      expect(own).toEqual(own.map((_, n) => `${round}${n}`));
    }
  }, 60_000);

  it('R27 several processes of an app lose none of each other’s', async () => {
    const ann = phone();
    await Promise.all(['a', 'b', 'c'].map((name) => otherProcess.observe(ann, name, 30)));
    await Promise.all([ann.start().sendReports(), ann.start().sendReports()]);
    const expected = ['a', 'b', 'c'].flatMap((name) =>
      Array.from({ length: 30 }, (_, n) => `${name}${n}`),
    );
    expect([...causes()].sort()).toEqual(expected.sort());
  }, 60_000);

  it.each([
    ['cut off', (file: Buffer) => file.subarray(0, file.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    ['changed', (file: Buffer) => Buffer.from(file.toString().replace(/.{8}"}$/, 'AAAAAAAA"}'))],
    ['no text', () => Buffer.from([0xff, 0xfe, 0])],
  ])('R27 a file that is %s stops nothing', async (_, damage) => {
    const ann = phone();
    const first = ann.start();
    first.observe({ type: 'app.started', cause: 'lost' });
    await first.signOut();
    const file = ann.eventFile() ?? '';
    writeFileSync(file, damage(readFileSync(file)));
    const second = ann.start();
    second.observe({ type: 'app.started', cause: 'kept' });
    await second.signOut();
    await ann.start().sendReports();
    expect(causes()).toEqual(['kept']);
  });

  it('R27 events whose key is lost for good are given up', async () => {
    const ann = phone();
    const first = ann.start();
    first.observe({ type: 'app.started', cause: 'lost' });
    await first.signOut();
    ann.hardwareKey = softwareKey(nodeCrypto, new Uint8Array(32).fill(9));
    const second = ann.start();
    second.observe({ type: 'app.started', cause: 'kept' });
    await second.sendReports();
    expect(causes()).toEqual(['kept']);
  });

  it('R3 R27 a locked phone or a full disk stops no report, and what is stored waits', async () => {
    const ann = phone();
    const first = ann.start();
    first.observe({ type: 'app.started', cause: 'stored' });
    await first.signOut();
    const { hardwareKey, storage } = ann;
    const away = async () => {
      throw new Error('locked');
    };
    ann.hardwareKey = { wrap: away, unwrap: away };
    const locked = ann.start();
    locked.observe({ type: 'app.started', cause: 'in-memory' });
    await locked.sendReports();
    expect(causes()).toEqual(['in-memory']);
    ann.hardwareKey = hardwareKey;
    ann.storage = { ...storage, replace: away, delete: away };
    const full = ann.start();
    await full.sendReports();
    await full.sendReports();
    expect(causes()).toEqual(['in-memory', 'stored']);
    ann.storage = storage;
    await ann.start().sendReports();
    expect(new Set(network.reported.map(({ eventId }) => eventId)).size).toBe(2);
    expect(ann.eventFile()).toBeUndefined();
  });

  it('R1 R27 events are their user’s: nobody else tells of them, and they go with what is erased', async () => {
    const ann = phone();
    const first = ann.start();
    first.observe({ type: 'app.started', cause: 'ann' });
    await first.signOut();
    expect(readFileSync(ann.eventFile() ?? '', 'utf8')).not.toContain('app.started');
    await ann.start({ account: 'other' }).sendReports();
    expect(causes()).toEqual([]);
    const second = ann.start();
    second.observe({ type: 'app.started', cause: 'more' });
    await second.signOut({ erase: true });
    second.observe({ type: 'app.started', cause: 'late' });
    await ann.start().sendReports();
    expect(causes()).toEqual([]);
    expect(ann.eventFile()).toBeUndefined();
  });

  it('R27 retiring the device forgets them', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    await models.retireDevice();
    expect(ann.eventFile()).toBeUndefined();
  });

  it('R27 one that the service refuses as invalid holds up no other', async () => {
    const models = phone().start();
    for (let n = 0; n < 20; n++) {
      models.observe({ type: 'app.started', cause: n === 13 ? 'Not A Word' : `n${n}` });
    }
    await models.sendReports();
    network.reset();
    models.observe({ type: 'rasp.checked' });
    await models.sendReports();
    expect(types()).toEqual(['rasp.checked']);
    expect(calls('report')).toEqual([1]);
  });
});
