/**
 * `GET /v1/models`: what this user may ask for: the catalogue, and the models made for him. Who has
 * the list already costs two small reads; who has not, his own models, and the catalogue where this
 * instance has not read it since it changed. So a limit in memory is enough, and nothing is written.
 */
import { createHash } from 'node:crypto';
import {
  catalogueRevisionPath,
  type ModelRecord,
  readModel,
  releaseOf,
} from '../catalogue/model-record.ts';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { createInMemoryRateLimiter } from '../fraud/in-memory-rate-limiter.ts';
import type { EndpointTable } from './endpoint.ts';

/** One answer holds all: a catalogue of more models than this wants a search of its own. */
const MAX_MODELS = 1000;

/** Of one instance: an app asks when it starts, and knows the answer mostly. */
const LISTINGS = { name: 'listings', limit: 30, windowSeconds: 60, burst: 20 };
const limiter = createInMemoryRateLimiter({ policy: LISTINGS, maxCallers: 10_000 });

interface ModelsServices {
  readonly documents: Pick<DocumentStore, 'get' | 'query'>;
}

export const endpoints: EndpointTable<ModelsServices> = {
  'GET /v1/models': {
    user: true,
    async handle({ userId, header, now }, { documents }) {
      const [open, own] = await Promise.all([
        revisionOf(documents, null),
        revisionOf(documents, userId),
      ]);
      const etag = etagOf(userId, open, own);
      const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
      if (header('if-none-match') === etag) return { status: 304, headers };
      const retryAfterSeconds = limiter.waitSeconds(userId, now);
      if (retryAfterSeconds > 0) throw new ServiceError('rate_limited', { retryAfterSeconds });
      const lists = await Promise.all([
        own === null ? [] : listingsOf(documents, userId),
        openListings(documents, open),
      ]);
      return { status: 200, headers, body: { models: lists.flat() } };
    },
  },
};

/** What a listing says is part of its tag: a change of its form is a change of all lists. */
const LISTING_FORM = 2;

const etagOf = (userId: string, ...revisions: readonly (string | null)[]): string =>
  `"${createHash('sha256')
    .update(JSON.stringify([LISTING_FORM, userId, revisions]))
    .digest('base64url')}"`;

/** Null where nothing was ever published. */
async function revisionOf(
  documents: ModelsServices['documents'],
  owner: string | null,
): Promise<string | null> {
  const data = await documents.get(catalogueRevisionPath(owner));
  return data ? String(data['revision']) : null;
}

type Listing = ReturnType<typeof listing>[number];

/** The open catalogue as it was last read, by the database that it came from. */
const read = new WeakMap<object, { revision: string | null; listings: Promise<Listing[]> }>();

/** Read once for a revision: the revision was read before, so this is never older. */
function openListings(
  documents: ModelsServices['documents'],
  revision: string | null,
): Promise<Listing[]> {
  const known = read.get(documents);
  if (known && known.revision === revision) return known.listings;
  const listings = listingsOf(documents, null);
  read.set(documents, { revision, listings });
  listings.catch(() => read.delete(documents));
  return listings;
}

async function listingsOf(
  documents: ModelsServices['documents'],
  owner: string | null,
): Promise<Listing[]> {
  const models = await modelsOf(documents, owner);
  return models.flatMap(listing);
}

/** Without those that cannot be read, of which no copy can be had either. */
async function modelsOf(
  documents: ModelsServices['documents'],
  owner: string | null,
): Promise<readonly ModelRecord[]> {
  const found = await documents.query({
    collection: 'models',
    where: [['owner', '==', owner]],
    limit: MAX_MODELS,
  });
  return readEach(found, ({ data }) => readModel(data)).values;
}

/** Nothing where no version could be granted. */
function listing(model: ModelRecord) {
  const { modelId, owner, versions, release } = model;
  const latest = releaseOf(model)?.offered.at(-1)?.version;
  const available = Object.entries(versions).filter(([, { revoked }]) => !revoked);
  if (release === null || latest === undefined || available.length === 0) return [];
  const listed = {
    modelId,
    personal: owner !== null,
    latest,
    release,
    versions: available
      .sort(([, a], [, b]) => b.publishedAt.getTime() - a.publishedAt.getTime())
      .map(([version, { format, sizeBytes, publishedAt }]) => ({
        version,
        format,
        sizeBytes,
        publishedAt: publishedAt.toISOString(),
      })),
  };
  return [listed];
}
