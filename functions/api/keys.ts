/**
 * `GET /v1/keys`: the public keys (RFC 7517) that sign manifests and certify licence keys, each with
 * its state. Apps pin those that sign and those that are announced, at build time; this endpoint
 * serves rotation, not first trust.
 */
import type { KeyService, PublicSigningKey } from '../cloud/keys.ts';
import type { EndpointTable } from './endpoint.ts';

interface KeysServices {
  readonly keys: Pick<KeyService, 'publicKeys'>;
}

export const endpoints: EndpointTable<KeysServices> = {
  'GET /v1/keys': {
    user: false,
    async handle(_request, services) {
      const [manifest, licence] = await Promise.all([
        services.keys.publicKeys('manifest'),
        services.keys.publicKeys('licence'),
      ]);
      return {
        status: 200,
        headers: { 'Cache-Control': 'public, max-age=3600' },
        body: { keys: [...manifest, ...licence].map(jwkOf) },
      };
    },
  },
};

const jwkOf = ({ kid, jwk, state }: PublicSigningKey) => ({
  ...jwk,
  kid,
  alg: 'ES256',
  use: 'sig',
  state,
});
