/** The schemas of events outside our processes, made from functions/fraud/events.ts: `npm run docs` writes them. */
import { ATTRIBUTES_MEMBER, NULLABLE_MEMBERS } from '../../functions/fraud/event-message.ts';
import { EVENT_MEMBERS } from '../../functions/fraud/events.ts';

export interface AvroField {
  readonly name: string;
  readonly type: string | readonly string[];
  readonly default?: null;
  readonly doc?: string;
}

/** A record of Avro, as far as an event needs it. */
export interface AvroRecord {
  readonly type: 'record';
  readonly name: string;
  readonly fields: readonly AvroField[];
}

/** A column of a BigQuery table, in the form of its API. */
export interface Column {
  readonly name: string;
  readonly type: 'STRING' | 'INTEGER' | 'TIMESTAMP' | 'JSON';
  readonly mode: 'REQUIRED' | 'NULLABLE';
  readonly description?: string;
}

/** The schema of the `events` topic. Words are plain strings in it: a new type of event needs no new schema. */
export function eventAvro(): AvroRecord {
  const fields = Object.entries(EVENT_MEMBERS).map(([member, { description: doc = '' }]) => {
    const name = member === 'attributes' ? ATTRIBUTES_MEMBER : member;
    if (NULLABLE_MEMBERS.has(member)) {
      return { name, type: ['null', 'string'], default: null, doc } as const;
    }
    return { name, type: member === 'schema' ? 'int' : 'string', doc };
  });
  return { type: 'record', name: 'Event', fields };
}

/** What a BigQuery subscription with `write_metadata` adds to the members of the topic's schema. */
const METADATA: readonly Column[] = [
  { name: 'subscription_name', type: 'STRING', mode: 'NULLABLE' },
  { name: 'message_id', type: 'STRING', mode: 'NULLABLE' },
  { name: 'publish_time', type: 'TIMESTAMP', mode: 'NULLABLE' },
  { name: 'attributes', type: 'JSON', mode: 'NULLABLE' },
];

/** The columns of the table `events_raw`: one for each member, by the same name, and the metadata. */
export function eventColumns(): readonly Column[] {
  const members = eventAvro().fields.map(
    ({ name, type, doc: description = '' }): Column => ({
      name,
      type: columnType(name, type),
      mode: typeof type === 'string' ? 'REQUIRED' : 'NULLABLE',
      description,
    }),
  );
  return [...METADATA, ...members];
}

function columnType(name: string, type: AvroField['type']): Column['type'] {
  if (type === 'int') return 'INTEGER';
  if (name === ATTRIBUTES_MEMBER) return 'JSON';
  return name.endsWith('At') ? 'TIMESTAMP' : 'STRING';
}

/** Why `next` could not stand beside `previous`, in words; empty where old messages, readers and rows stay good. */
export function incompatibilities(previous: AvroRecord, next: AvroRecord): readonly string[] {
  const before = new Map(previous.fields.map((field) => [field.name, field]));
  const after = new Map(next.fields.map((field) => [field.name, field]));
  const found: string[] = [];
  if (previous.name !== next.name) found.push(`${previous.name}: renamed`);
  for (const [name, { type }] of before) {
    const kept = after.get(name);
    if (!kept) found.push(`${name}: removed`);
    else if (JSON.stringify(kept.type) !== JSON.stringify(type)) found.push(`${name}: other type`);
  }
  for (const [name, { type, default: fallback }] of after) {
    if (before.has(name)) continue;
    if (typeof type === 'string' || type[0] !== 'null' || fallback !== null) {
      found.push(`${name}: added, and not nullable with null as its default`);
    }
  }
  return found;
}
