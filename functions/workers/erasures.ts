/** `POST /internal/erasures`, each minute by Cloud Scheduler: forgets whom it was told to forget. */
import type { EndpointTable } from '../api/endpoint.ts';
import { type ErasureRunServices, runErasures } from '../privacy/run-erasures.ts';

export const endpoints: EndpointTable<ErasureRunServices> = {
  'POST /internal/erasures': {
    user: false,
    async handle({ now }, services) {
      const run = await runErasures(services, now);
      services.log(run.failed > 0 ? 'ERROR' : 'INFO', 'erasures carried out', { ...run });
      return { status: 200, body: run };
    },
  },
};
