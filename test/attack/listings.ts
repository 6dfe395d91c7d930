/** The list of models, read so often, or by so many, that it costs us the database. */
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import { listModels } from './token-requests.ts';

const MODELS = 'functions/api/models.ts';
/** More than an app asks in a minute, and fewer than an instance's own limit holds. */
const READINGS = 40;
const CATALOGUE = 10;

export const listings: readonly Attack[] = [
  {
    name: 'limit/list-scraping',
    tries: 'the list of models, read in full again and again with one token',
    refused: '429 rate_limited',
    defence:
      'a user is answered in full so often a minute; otherwise by the tag of the list he has',
    off: {
      edits: [
        edit(
          MODELS,
          "if (retryAfterSeconds > 0) throw new ServiceError('rate_limited', { retryAfterSeconds });",
        ),
      ],
    },
    async run(lab) {
      const instant = new Date();
      const api = await lab.api({ wrap: (services) => ({ ...services, now: () => instant }) });
      const token = await api.idp.token('mallory');
      for (let reading = 0; reading < READINGS; reading += 1) {
        const outcome = await listModels(api, token);
        if (outcome !== SUCCEEDED) return outcome;
      }
      return SUCCEEDED;
    },
  },
  {
    name: 'limit/list-by-many-accounts',
    tries: 'the list of models, read by many accounts, so that each reads the database',
    refused: 'read once for all',
    defence: 'an instance reads the open catalogue once for each of its revisions',
    off: {
      edits: [edit(MODELS, 'if (known && known.revision === revision) return known.listings;')],
    },
    async run(lab) {
      let read = 0;
      const api = await lab.api({
        wrap: (services) => {
          const { documents } = services;
          const query: typeof documents.query = async (asked) => {
            const found = await documents.query(asked);
            read += found.length;
            return found;
          };
          return { ...services, documents: { ...documents, query } };
        },
      });
      for (let model = 1; model < CATALOGUE; model += 1) {
        await api.publish(`model-${model}`, Buffer.from('a model'), { format: 'opaque' });
      }
      read = 0;
      for (let account = 0; account < 5; account += 1) {
        const outcome = await listModels(api, await api.idp.token(`mallory-${account}`));
        if (outcome !== SUCCEEDED) return outcome;
      }
      return read > CATALOGUE ? SUCCEEDED : 'read once for all';
    },
  },
];
