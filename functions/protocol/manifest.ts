/**
 * What the publisher vouches for: which bytes a model version is, and where in them the weights lie.
 * Signed once, at publish time, by a key that serves nothing else; devices pin its public half.
 */
import { z } from 'zod';
import { checkLayers, MAX_LAYERS } from './container.ts';
import type { SealingCrypto } from './crypto.ts';
import { type Es256Signer, pinnedPayload, signJws, type VerificationKey } from './jws.ts';
import { identifier, numericDate, parsePayload, sha256Text } from './token-schema.ts';
import { WATERMARK_STRENGTHS } from './watermark-strength.ts';

const TYP = 'modelseal-manifest+jwt';

const layer = z.object({
  index: z.int().min(0).max(0xffff_ffff),
  offset: z.int().min(0),
  length: z.int().min(1),
  /** As the model file calls the tensor; absent where it has no name. */
  name: z.string().max(1024).optional(),
  dtype: z.string().max(32).optional(),
  shape: z.array(z.int().min(0)).max(64).readonly().optional(),
});

export const manifestSchema = z.object({
  v: z.literal(1),
  model: identifier,
  version: identifier,
  format: z.string().min(1).max(32),
  sizeBytes: z.int().min(1),
  /** Of the model file in the clear, base64url. */
  sha256: sha256Text,
  layers: z.array(layer).max(MAX_LAYERS).readonly(),
  publishedAt: numericDate,
  policy: z.object({
    /** How long a licence lasts from its grant. */
    licenceSeconds: z.int().min(60),
    /** How much longer a device that cannot reach us may go on. */
    offlineGraceSeconds: z.int().min(0),
    /** Off where absent, as in manifests from before there were marks. */
    tracing: z.enum(WATERMARK_STRENGTHS).default('off'),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestLayer = Manifest['layers'][number];

/** The manifest token; `kid` names the publisher's key, such as `manifest.1`. Throws what `verifyManifest` does. */
export async function signManifest(
  manifest: Omit<z.input<typeof manifestSchema>, 'v'>,
  kid: string,
  sign: Es256Signer,
): Promise<string> {
  return signJws({ typ: TYP, kid }, parseManifest({ v: 1, ...manifest }), sign);
}

/**
 * The manifest that a pinned publisher's key signed. Throws `token-malformed`, `layers-invalid`,
 * `signer-untrusted` or `signature-invalid`.
 */
export async function verifyManifest(
  crypto: SealingCrypto,
  token: string,
  keys: readonly VerificationKey[],
): Promise<Manifest> {
  return parseManifest(await pinnedPayload(crypto, token, { typ: TYP, purpose: 'manifest' }, keys));
}

function parseManifest(payload: unknown): Manifest {
  const manifest = parsePayload(manifestSchema, payload);
  checkLayers(manifest.layers, manifest.sizeBytes);
  return manifest;
}
