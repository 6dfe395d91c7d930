/** Worker: one instance with every function under the Functions Framework, on a cloud in memory. */
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { renewUrlKeys } from '../../functions/grants/url-keys.ts';
import { startFunctionsInProcess } from '../stack/function-host.ts';
import { TEST_URL_KEY } from '../support/url-keys.ts';
import { cpuProfile } from './cpu-profile.ts';
import { memoryCloud } from './memory-cloud.ts';
import { publishModels } from './models.ts';
import { serveWorker } from './worker.ts';

export interface ServerUsage {
  /** Of this process, all threads, since its start. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly sealedBytes: number;
}

const environment = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value ? [[name, value]] : [])),
);
const config = loadConfig(environment);
const cloud = memoryCloud(config.buckets.sealed);

const methods = {
  /** Publishes the models and serves; gives each function's origin. */
  async start({ logFolder }: { readonly logFolder: string }) {
    await publishModels(
      await createServices(config, { name: 'load', secrets: [] }, cloud, () => undefined),
    );
    await renewUrlKeys(cloud, TEST_URL_KEY, new Date());
    const { ports } = await startFunctionsInProcess({ clients: cloud, environment, logFolder });
    return Object.fromEntries([...ports].map(([name, port]) => [name, `http://127.0.0.1:${port}`]));
  },

  usage(_?: undefined): ServerUsage {
    const { user, system } = process.cpuUsage();
    return {
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
      sealedBytes: cloud.sealedBytes(),
    };
  },

  /** Where this process's time goes while it is called. */
  profile: ({ seconds }: { readonly seconds: number }) => cpuProfile(seconds),
};
export type MemoryServer = typeof methods;

serveWorker(methods);
