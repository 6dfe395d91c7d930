/** `POST /internal/erasures`, each minute by Cloud Scheduler: forgets whom it was told to forget. */
import { type EndpointTable, endpoint } from '../api/endpoint.ts';
import { runErasures } from '../privacy/run-erasures.ts';

export const endpoints: EndpointTable = {
  'POST /internal/erasures': endpoint({
    user: false,
    async handle({ now }, services) {
      const run = await runErasures(services, now);
      services.log(run.failed > 0 ? 'ERROR' : 'INFO', 'erasures carried out', { ...run });
      return { status: 200, body: run };
    },
  }),
};
