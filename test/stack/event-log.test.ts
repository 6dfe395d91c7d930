import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import { openAnalytics } from '../../scripts/analytics/duckdb.ts';
import { memoryPublisher } from '../doubles/memory/publisher.ts';
import { tell } from '../fraud/story.ts';
import { openEventLog } from './event-log.ts';
import { subscribeEventLog } from './event-log-subscription.ts';

const root = mkdtempSync(join(tmpdir(), 'modelseal-log-'));
afterAll(() => rmSync(root, { recursive: true }));

const linesOf = (folder: string, file: string) =>
  readFileSync(join(folder, file), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('the event log of a local stack', () => {
  it('goes on where it was, and stays bounded', () => {
    const folder = join(root, 'bounded');
    for (let n = 0; n < 100; n++) openEventLog(folder, 100).append('events', { n });
    const files = readdirSync(folder).sort();
    expect(files).toEqual(['events.1.ndjson', 'events.ndjson']);
    for (const file of files) expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(100);
    const kept = files.flatMap((file) => linesOf(folder, file));
    expect(kept.at(-1)).toEqual({ n: 99 });
    expect(kept.length).toBeGreaterThan(8);
  });

  it('holds what goes through the topics, and is what queries read', async () => {
    const folder = join(root, 'subscribed');
    const publisher = memoryPublisher();
    await subscribeEventLog(publisher, openEventLog(folder));
    const event = tell().server(0, { type: 'grant.made', model: 'm1' });
    await publisher.publish('events', eventMessage(event));
    await publisher.publish('events', { not: 'an event' });
    await publisher.publish('decisions', { decisionId: 'd1' });
    await publisher.idle();
    expect(linesOf(folder, 'events.ndjson')).toEqual([event]);
    expect(linesOf(folder, 'decisions.ndjson')).toEqual([{ decisionId: 'd1' }]);

    const analytics = await openAnalytics(folder);
    expect(await analytics.query('SELECT user_id, model FROM events')).toEqual([
      { user_id: 'k1_alice', model: 'm1' },
    ]);
    analytics.close();
  });
});
