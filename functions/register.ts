import { type CloudEvent, cloudEvent, http } from '@google-cloud/functions-framework';
import type { HttpHandler } from './api/ingress.ts';
import { createHttpHandler } from './api/pipeline.ts';
import type { Services } from './composition.ts';
import type { FunctionEntry } from './registry.ts';

const API_BODY_BYTES = 256 * 1024;
/** A Pub/Sub push holds up to 10 MB of data in base64. */
const EVENT_BODY_BYTES = 16 * 1024 * 1024;

/** The largest request body that a function reads at all. */
export const maxBodyBytes = (entry: FunctionEntry): number =>
  entry.trigger.kind === 'event' ? EVENT_BODY_BYTES : API_BODY_BYTES;

/**
 * Loads a function's module and registers it with the Functions Framework under its name. Gives the
 * handler of an HTTP function, which ingress.ts calls past the framework.
 */
export async function registerFunction(
  entry: FunctionEntry,
  services: Services,
): Promise<HttpHandler | undefined> {
  if (entry.trigger.kind === 'event') {
    const { createHandler } = await (entry as EventEntry).load();
    const handle = createHandler(services);
    cloudEvent(entry.name, ({ id, type, source, data }: CloudEvent<unknown>) =>
      handle({ id, type, source, data }),
    );
    return undefined;
  }
  const { endpoints } = await (entry as HttpEntry).load();
  const handle = createHttpHandler(entry.name, endpoints, services);
  http(entry.name, handle);
  return handle;
}

type EventEntry = Extract<FunctionEntry, { trigger: { kind: 'event' } }>;
type HttpEntry = Exclude<FunctionEntry, EventEntry>;
