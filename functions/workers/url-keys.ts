/** `POST /internal/url-keys`, each hour by Cloud Scheduler: the keys that sign URLs today and on the days to come. */
import type { EndpointTable } from '../api/endpoint.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { KeyService } from '../cloud/keys.ts';
import type { HmacKey } from '../grants/signed-url.ts';
import { renewUrlKeys } from '../grants/url-keys.ts';
import type { Log } from '../log.ts';

interface UrlKeyServices {
  readonly config: { readonly secrets: { readonly URL_SIGNING_KEY: HmacKey | undefined } };
  readonly documents: Pick<DocumentStore, 'set'>;
  readonly keys: Pick<KeyService, 'wrap'>;
  readonly log: Log;
}

export const endpoints: EndpointTable<UrlKeyServices> = {
  'POST /internal/url-keys': {
    user: false,
    async handle({ now }, services) {
      const { URL_SIGNING_KEY: key } = services.config.secrets;
      if (!key) throw new RangeError('URL_SIGNING_KEY: missing');
      await renewUrlKeys(services, key, now);
      services.log('INFO', 'URL keys renewed', { accessId: key.accessId });
      return { status: 200, body: {} };
    },
  },
};
