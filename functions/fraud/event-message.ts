/**
 * Events as messages of the `events` topic: the JSON encoding of Avro, so that Pub/Sub itself
 * refuses what is no event and BigQuery gets a column for each member. A nullable member is null or
 * `{"string": …}` (https://avro.apache.org/docs/1.11.1/specification/#json-encoding), and the free
 * attributes travel as one text, since neither service has columns for names that nobody knows yet.
 */
import { z } from 'zod';
import { EVENT_MEMBERS, eventSchema, type FraudEvent } from './events.ts';

/** The member that carries the attributes, as JSON. */
export const ATTRIBUTES_MEMBER = 'attributesJson';

export type EventMessage = Readonly<
  Record<string, string | number | null | { readonly string: string }>
>;

/** The members of an event that may be null. */
export const NULLABLE_MEMBERS: ReadonlySet<string> = new Set(
  Object.entries(EVENT_MEMBERS).flatMap(([name, schema]) =>
    schema instanceof z.ZodNullable ? [name] : [],
  ),
);

export function eventMessage({ attributes, ...members }: FraudEvent): EventMessage {
  const encoded = Object.entries(members).map(([name, value]) => [
    name,
    NULLABLE_MEMBERS.has(name) && value !== null ? { string: value } : value,
  ]);
  return { ...Object.fromEntries(encoded), [ATTRIBUTES_MEMBER]: JSON.stringify(attributes) };
}

const nullable = z
  .strictObject({ string: z.unknown() })
  .nullish()
  .transform((union) => union?.string ?? null);

const attributesText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('is not JSON');
    return z.NEVER;
  }
});

const messageSchema = z
  .object({
    ...Object.fromEntries(
      Object.keys(EVENT_MEMBERS)
        .filter((name) => name !== 'attributes')
        .map((name) => [name, NULLABLE_MEMBERS.has(name) ? nullable : z.unknown()]),
    ),
    [ATTRIBUTES_MEMBER]: attributesText,
  })
  .transform(({ [ATTRIBUTES_MEMBER]: attributes, ...members }) => ({ ...members, attributes }))
  .pipe(eventSchema);

/**
 * The event of a message, or null where it is none. Versions of this code meet in a topic: a
 * nullable member that an older one did not send is null, one that a newer one added is left out.
 */
export function readEventMessage(message: unknown): FraudEvent | null {
  return messageSchema.safeParse(message).data ?? null;
}
