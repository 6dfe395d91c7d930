/** `POST /internal/traces`, each minute by Cloud Scheduler: traces a leaked file that was uploaded in the console. */
import type { EndpointTable } from '../api/endpoint.ts';
import { type TraceLeaksServices, traceLeaks } from '../operators/trace-leaks.ts';

export const endpoints: EndpointTable<TraceLeaksServices> = {
  'POST /internal/traces': {
    user: false,
    async handle({ now }, services) {
      const run = await traceLeaks(services, now);
      services.log(run.failed === 0 ? 'INFO' : 'ERROR', 'leaks traced', { ...run });
      return { status: 200, body: run };
    },
  },
};
