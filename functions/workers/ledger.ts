/** `POST /internal/ledger`, each minute by Cloud Scheduler: takes new grants into the ledger. */
import type { EndpointTable } from '../api/endpoint.ts';
import { appendBlocks, type LedgerServices } from '../ledger/append-blocks.ts';

export const endpoints: EndpointTable<LedgerServices> = {
  'POST /internal/ledger': {
    user: false,
    async handle({ now }, services) {
      const run = await appendBlocks(services, now);
      services.log('INFO', 'ledger appended', { ...run });
      return { status: 200, body: run };
    },
  },
};
