import { type CloudEvent, cloudEvent, http } from '@google-cloud/functions-framework';
import type { HttpHandler } from './api/ingress.ts';
import { createHttpHandler } from './api/pipeline.ts';
import type { EventFunction, FunctionEntry, RequestFunction } from './registry.ts';
import type { CoreServices, Services } from './services.ts';

const API_BODY_BYTES = 256 * 1024;
/** A Pub/Sub push holds up to 10 MB of data in base64. */
const EVENT_BODY_BYTES = 16 * 1024 * 1024;

/** The largest request body that a function reads at all. */
export const maxBodyBytes = (entry: FunctionEntry): number =>
  isEventFunction(entry) ? EVENT_BODY_BYTES : API_BODY_BYTES;

/**
 * Loads a function's module and registers it with the Functions Framework under its name. Gives the
 * handler of an HTTP function, which ingress.ts calls past the framework.
 *
 * @param services What composition.ts made of the entry's services.
 */
export async function registerFunction(
  entry: FunctionEntry,
  services: CoreServices,
): Promise<HttpHandler | undefined> {
  // The modules take what the entry names, and no more: registry.ts has it checked.
  const declared = services as Services;
  if (isEventFunction(entry)) {
    const { createHandler } = await entry.load();
    const handle = createHandler(declared);
    cloudEvent(entry.name, ({ id, type, source, data }: CloudEvent<unknown>) =>
      handle({ id, type, source, data }),
    );
    return undefined;
  }
  const { endpoints } = await (entry as RequestFunction).load();
  const handle = createHttpHandler(entry.name, endpoints, declared);
  http(entry.name, handle);
  return handle;
}

const isEventFunction = (entry: FunctionEntry): entry is EventFunction =>
  entry.trigger.kind === 'event';
