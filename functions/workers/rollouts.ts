/** `POST /internal/rollouts`, every five minutes by Cloud Scheduler: steps of rollouts, and halts. */
import type { EndpointTable } from '../api/endpoint.ts';
import { type WatchServices, watchRollouts } from '../catalogue/watch-rollouts.ts';

export const endpoints: EndpointTable<WatchServices> = {
  'POST /internal/rollouts': {
    user: false,
    async handle({ now }, services) {
      const run = await watchRollouts(services, now);
      services.log(run.failed === 0 ? 'INFO' : 'ERROR', 'rollouts watched', { ...run });
      return { status: 200, body: run };
    },
  },
};
