import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { type AvroRecord, eventAvro, eventColumns, incompatibilities } from './event-schemas.ts';

const REVISIONS = 'infra/schemas';
const parsed = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as unknown;

/** Each schema that was ever published, the oldest first. */
async function published(): Promise<readonly AvroRecord[]> {
  const files = (await readdir(REVISIONS)).filter((file) => file.endsWith('.avsc'));
  const numbers = files.map((file) => Number(/^event\.v(\d+)\.avsc$/.exec(file)?.[1]));
  expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
  return Promise.all(
    numbers.map(async (n) => (await parsed(`${REVISIONS}/event.v${n}.avsc`)) as AvroRecord),
  );
}

describe('the schemas in infra/', () => {
  it('are what the code says: run npm run docs', async () => {
    expect(await parsed('infra/pubsub/event.avsc')).toEqual(eventAvro());
    expect(await parsed('infra/bigquery/events_raw.json')).toEqual(eventColumns());
  });

  it('are published: copy infra/pubsub/event.avsc to infra/schemas as the next version', async () => {
    expect((await published()).at(-1)).toEqual(eventAvro());
  });

  it('follow each other so that old messages, readers and rows stay good', async () => {
    const versions = await published();
    const pairs = versions.slice(1).map((next, i) => [versions[i] as AvroRecord, next] as const);
    expect(pairs.flatMap(([previous, next]) => incompatibilities(previous, next))).toEqual([]);
  });

  it('give each member its column, and none the name of another', () => {
    const columns = eventColumns().map(({ name }) => name);
    expect(new Set(columns).size).toBe(columns.length);
    expect(columns).toEqual(expect.arrayContaining(eventAvro().fields.map(({ name }) => name)));
  });
});

describe('a new version', () => {
  const now = eventAvro();
  const withFields = (fields: AvroRecord['fields']): AvroRecord => ({ ...now, fields });
  const carrier = { name: 'carrier', type: ['null', 'string'] };

  it('may add what may be null', () => {
    const next = withFields([...now.fields, { ...carrier, default: null }]);
    expect(incompatibilities(now, next)).toEqual([]);
  });

  it.each<[string, AvroRecord, string]>([
    ['remove a member', withFields(now.fields.slice(1)), 'schema: removed'],
    ['rename the record', { ...now, name: 'Happening' }, 'Event: renamed'],
    [
      'demand a new member',
      withFields([...now.fields, { name: 'carrier', type: 'string' }]),
      'carrier: added, and not nullable with null as its default',
    ],
    [
      'add one without a default',
      withFields([...now.fields, carrier]),
      'carrier: added, and not nullable with null as its default',
    ],
    [
      'change a type',
      withFields(
        now.fields.map((field) => (field.name === 'schema' ? { ...field, type: 'long' } : field)),
      ),
      'schema: other type',
    ],
  ])('may not %s', (_, next, why) => {
    expect(incompatibilities(now, next)).toEqual([why]);
  });
});
