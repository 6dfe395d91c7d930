/** docs/mobile/sdk-behaviour.md in TypeScript: what is taken back, what is fetched ahead, and what is told of openings. */
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

const records = (ann: ReturnType<typeof phone>) =>
  ann.files().filter((name) => name.endsWith('.record'));

const told = (type: string) => network.reported.filter((event) => event.type === type);

describe('taken back', () => {
  it('R41 refresh erases the copies of a version that the publisher revoked, however it was asked for, on any network', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id, { version: '1.0.0' });
    await ann.start().get(model.id);
    await model.update('2.0.0');
    await model.revoke('1.0.0');
    expect(records(ann)).toHaveLength(2);
    network.reset();
    await ann.start({ updates: 'wifi', isUnmetered: false }).refresh();
    expect(ann.files()).toEqual([]);
    expect(calls('models', 'grant')).toEqual([1, 0]);
  });

  it('R41 cleanUp erases them without asking anybody, once the record is known', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id, { version: '1.0.0' });
    await model.update('2.0.0');
    await model.revoke('1.0.0');
    expect(await versionOf(ann.start(), model.id)).toBe('2.0.0');
    expect(records(ann)).toHaveLength(2);
    network.reset();
    await ann.start().cleanUp();
    expect(records(ann)).toHaveLength(1);
    expect(await versionOf(ann.start(), model.id)).toBe('2.0.0');
    expect(network.calls.size).toBe(0);
  });

  it('R41 a download that broke off is not gone on with after its version was revoked', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order(
      { call: 'download', kind: 'truncate', bytes: 1_200_000 },
      { call: 'download', kind: 'login', times: 9 },
    );
    expect(await codeOf(ann.start().get(model.id))).toBe('intercepted');
    expect(ann.files().filter((name) => name.endsWith('.pending'))).toHaveLength(1);
    network.reset();
    const next = await model.update('2.0.0');
    await model.revoke('1.0.0');
    // Another copy of this account brings the record.
    await ann.start().get(model.id, { version: '2.0.0' });
    expect((await bytesOf(await ann.start().get(model.id))).equals(next)).toBe(true);
    expect(ann.files().filter((name) => name.endsWith('.pending'))).toEqual([]);
  });

  it('R41 nothing is erased by the word of somebody else', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    network.order({ call: 'models', kind: 'portal', times: 9 });
    expect(await codeOf(ann.start().refresh())).toBe('intercepted');
    expect(records(ann)).toHaveLength(1);
  });
});

describe('prefetch', () => {
  it('R42 a copy lies ready, nothing is opened, and get waits for no network', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const progress: number[] = [];
    const onProgress = (done: number) => progress.push(done);
    expect(await models.prefetch(model.id, { onProgress })).toBe(true);
    expect(progress.at(-1)).toBe(model.bytes.length);
    network.reset();
    expect(await ann.start().prefetch(model.id)).toBe(true);
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(network.calls.size).toBe(0);
  });

  it('R42 wifi: on a metered network nothing is fetched, and what lies there is ready', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const metered = () => ann.start({ updates: 'wifi', isUnmetered: false });
    expect(await metered().prefetch(model.id)).toBe(false);
    expect(network.calls.size).toBe(0);
    expect(await ann.start({ updates: 'wifi' }).prefetch(model.id, { version: '1.0.0' })).toBe(
      true,
    );
    expect(await metered().prefetch(model.id, { version: '1.0.0' })).toBe(true);
    expect(await metered().prefetch(model.id)).toBe(false);
    expect(calls('grant')).toEqual([1]);
    // Who asks for the model itself gets it.
    expect(await versionOf(metered(), model.id)).toBe('1.0.0');
  });

  it('R42 R11 prefetch and get at once share one grant and one download', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const [isReady, open] = await Promise.all([models.prefetch(model.id), models.get(model.id)]);
    expect([isReady, open.tokens.manifest.version]).toEqual([true, '1.0.0']);
    expect(calls('grant', 'download')).toEqual([1, 1]);
  });

  it('R42 R2 who has signed out fetches nothing ahead', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.signOut();
    expect(await codeOf(models.prefetch(model.id))).toBe('closed');
  });
});

describe('openings', () => {
  it('R43 an opening is told once a launch and copy, with how long it took where it was fetched', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const first = ann.start();
    await first.prefetch(model.id);
    for (let n = 0; n < 3; n++) (await first.get(model.id)).close();
    await first.sendReports();
    const [fetched, ...more] = told('model.opened');
    expect(more).toEqual([]);
    expect(fetched).toMatchObject({ model: model.id, version: '1.0.0' });
    expect(fetched?.attributes).toEqual({ tookMs: expect.any(Number) });
    const second = ann.start();
    for (let n = 0; n < 3; n++) (await second.get(model.id)).close();
    await second.sendReports();
    const [, stored, ...others] = told('model.opened');
    expect(others).toEqual([]);
    expect(stored).toMatchObject({ version: '1.0.0', grant: fetched?.grant });
    expect(stored?.attributes ?? {}).toEqual({});
    expect(stored?.eventId).not.toBe(fetched?.eventId);
  });

  it('R43 of several copies each is told', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await model.update('2.0.0');
    const models = ann.start();
    for (const version of ['1.0.0', '2.0.0', '1.0.0']) await models.get(model.id, { version });
    await models.sendReports();
    expect(told('model.opened').map(({ version }) => version)).toEqual(['1.0.0', '2.0.0']);
  });
});

describe('crashes', () => {
  it('R44 a crash is told of the copy that the app opened last, not of one that was only fetched', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const first = ann.start();
    await first.get(model.id);
    await model.update('2.0.0');
    await first.refresh();
    expect(records(ann)).toHaveLength(2);
    // The app crashes, and starts again.
    const second = ann.start();
    await second.reportCrash(model.id);
    expect(await versionOf(second, model.id)).toBe('2.0.0');
    await second.sendReports();
    expect(told('model.crashed')).toMatchObject([{ model: model.id, version: '1.0.0' }]);
    const third = ann.start();
    await third.reportCrash(model.id);
    await third.sendReports();
    expect(told('model.crashed').map(({ version }) => version)).toEqual(['1.0.0', '2.0.0']);
    const opened = new Map(told('model.opened').map(({ version, grant }) => [version, grant]));
    for (const { version, grant } of told('model.crashed')) {
      expect(grant).toBe(opened.get(version));
    }
  });

  it('R44 a version that the app names crashes, too', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await model.update('2.0.0');
    const first = ann.start();
    await first.get(model.id);
    await first.get(model.id, { version: '1.0.0' });
    const second = ann.start();
    await second.reportCrash(model.id);
    await second.sendReports();
    expect(told('model.crashed').map(({ version }) => version)).toEqual(['1.0.0']);
  });

  it('R44 nothing is told where no copy was opened, and of no other model', async () => {
    const [ann, model, other] = [phone(), await publishedModel(), await publishedModel()];
    await ann.start().prefetch(model.id);
    await ann.start().get(other.id);
    const models = ann.start();
    await models.reportCrash(model.id);
    await models.reportCrash('no-such-model');
    await models.sendReports();
    expect(told('model.crashed')).toEqual([]);
  });
});
