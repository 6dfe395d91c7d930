import type { File, FileMetadata, Storage } from '@google-cloud/storage';
import { callUpstream, type UpstreamCall } from './deadline.ts';
import { lazy } from './lazy.ts';
import type { ObjectInfo, ObjectStore } from './objects.ts';
import { download } from './storage-download.ts';
import { upload } from './storage-upload.ts';

export interface StorageOptions {
  readonly projectId: string;
  /** Another service than Google's, such as `http://127.0.0.1:4443`; it is called without credentials. */
  readonly endpoint?: string;
  /** For one call, and for each wait of a stream on the service; 10,000 where absent. */
  readonly timeoutMs?: number;
}

/** The object store in Cloud Storage; its client is loaded on first use. */
export function storageObjects(options: StorageOptions): ObjectStore {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const client = lazy(() => connect(options));
  const upstream = (operation: string): UpstreamCall => ({
    service: 'storage',
    operation,
    timeoutMs,
  });
  const fileOf = async (bucket: string, name: string, generation?: string): Promise<File> =>
    (await client.get()).bucket(bucket).file(name, generation === undefined ? {} : { generation });

  return {
    async *read(bucket, name, range, generation) {
      if (range && range.start >= range.end) return;
      const call = upstream('read');
      yield* download(await client.get(), { bucket, name, range, generation, call });
    },

    async write(bucket, name, body, writeOptions = {}) {
      const call = upstream('write');
      const target = { bucket, name, body, writeOptions, call };
      return infoOf(name, await upload(await client.get(), target));
    },

    stat: (bucket, name) =>
      callUpstream(upstream('stat'), async () => {
        const file = await fileOf(bucket, name);
        try {
          const [metadata] = await file.getMetadata();
          return infoOf(name, metadata);
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      }),

    delete: (bucket, name, generation) =>
      callUpstream(upstream('delete'), async () => {
        const file = await fileOf(bucket, name, generation);
        try {
          await file.delete();
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return false;
          throw error;
        }
      }),

    // Only the sweep deletes many: no other function pays for it at its start.
    deleteTogether: async (bucket, names) => {
      const { deleteTogether } = await import('./storage-batch.ts');
      return deleteTogether(await client.get(), bucket, names, upstream('delete'));
    },

    async *list(bucket, prefix) {
      const handle = (await client.get()).bucket(bucket);
      let pageToken: string | undefined;
      do {
        const query = { prefix, autoPaginate: false, ...(pageToken && { pageToken }) };
        const [files, next] = await callUpstream(upstream('list'), () => handle.getFiles(query));
        for (const file of files) yield infoOf(file.name, file.metadata);
        pageToken = next?.pageToken;
      } while (pageToken);
    },
  };
}

async function connect({ projectId, endpoint }: StorageOptions): Promise<Storage> {
  const { Storage } = await import('@google-cloud/storage');
  return new Storage({ projectId, ...(endpoint !== undefined && { apiEndpoint: endpoint }) });
}

function infoOf(name: string, metadata: FileMetadata): ObjectInfo {
  return {
    name,
    sizeBytes: Number(metadata.size),
    createdAt: new Date(String(metadata.timeCreated)),
    generation: String(metadata.generation),
    metadata: Object.fromEntries(
      Object.entries(metadata.metadata ?? {}).map(([key, value]) => [key, String(value)]),
    ),
  };
}

/** The HTTP status in an error of the client, which keeps it in one of three places. */
function statusOf(error: unknown): number {
  const { code, status, response } = error as {
    code?: unknown;
    status?: unknown;
    response?: { status?: unknown };
  };
  return Number(response?.status ?? status ?? code);
}
