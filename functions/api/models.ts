/** `GET /v1/models`: what this user may ask for: the catalogue, and the models made for him. */
import { createHash } from 'node:crypto';
import { type ModelRecord, readModel } from '../catalogue/model-record.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { EndpointTable } from './endpoint.ts';

/** One answer holds all: a catalogue of more models than this wants a search of its own. */
const MAX_MODELS = 1000;

interface ModelsServices {
  readonly documents: Pick<DocumentStore, 'query'>;
}

export const endpoints: EndpointTable<ModelsServices> = {
  'GET /v1/models': {
    user: true,
    async handle({ userId, header }, services) {
      const [open, own] = await Promise.all([
        modelsOf(services.documents, null),
        modelsOf(services.documents, userId),
      ]);
      const models = [...own, ...open].map(listing).filter(({ versions }) => versions.length > 0);
      const etag = `"${createHash('sha256').update(JSON.stringify(models)).digest('base64url')}"`;
      const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
      if (header('if-none-match') === etag) return { status: 304, headers };
      return { status: 200, headers, body: { models } };
    },
  },
};

async function modelsOf(
  documents: ModelsServices['documents'],
  owner: string | null,
): Promise<ModelRecord[]> {
  const found = await documents.query({
    collection: 'models',
    where: [['owner', '==', owner]],
    limit: MAX_MODELS,
  });
  return found.map(({ data }) => readModel(data));
}

function listing({ modelId, owner, latest, versions }: ModelRecord) {
  const available = Object.entries(versions).filter(([, { revoked }]) => !revoked);
  return {
    modelId,
    personal: owner !== null,
    latest,
    versions: available
      .sort(([, a], [, b]) => b.publishedAt.getTime() - a.publishedAt.getTime())
      .map(([version, { format, sizeBytes, publishedAt }]) => ({
        version,
        format,
        sizeBytes,
        publishedAt: publishedAt.toISOString(),
      })),
  };
}
