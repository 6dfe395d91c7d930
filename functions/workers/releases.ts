/** `POST /internal/releases`, each hour by Cloud Scheduler: signs release records anew before they end. */
import type { EndpointTable } from '../api/endpoint.ts';
import { type RenewalServices, renewReleases } from '../catalogue/renew-releases.ts';

export const endpoints: EndpointTable<RenewalServices> = {
  'POST /internal/releases': {
    user: false,
    async handle({ now }, services) {
      const run = await renewReleases(services, now);
      const isWell = run.failed === 0 && run.restored === 0;
      services.log(isWell ? 'INFO' : 'ERROR', 'releases renewed', { ...run });
      return { status: 200, body: run };
    },
  },
};
