/** `POST /internal/campaigns`, each hour by Cloud Scheduler: learns what is usual from the last hour's grants. */
import type { EndpointTable } from '../api/endpoint.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { updateBaseline } from '../fraud/update-baseline.ts';
import type { Log } from '../log.ts';

export interface CampaignsServices {
  readonly documents: DocumentStore;
  readonly log: Log;
}

export const endpoints: EndpointTable<CampaignsServices> = {
  'POST /internal/campaigns': {
    user: false,
    async handle({ now }, { documents, log }) {
      const run = await updateBaseline(documents, now);
      log('INFO', 'baseline updated', { ...run });
      return { status: 200, body: run };
    },
  },
};
