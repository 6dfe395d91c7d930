/**
 * What the publisher vouches for: which bytes a model version is, and where in them the weights lie.
 * Signed once, at publish time, by a key that serves nothing else; devices pin its public half.
 */
import { checkLayers, MAX_LAYERS, type WeightLayer } from './container.ts';
import type { SealingCrypto } from './crypto.ts';
import { SealError } from './errors.ts';
import { type Es256Signer, pinnedPayload, signJws, type VerificationKey } from './jws.ts';
import { Payload } from './token-schema.ts';
import { WATERMARK_STRENGTHS, type WatermarkStrength } from './watermark-strength.ts';

const TYP = 'modelseal-manifest+jwt';

export interface ManifestLayer extends WeightLayer {
  /** As the model file calls the tensor; absent where it has no name. */
  readonly name?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

export interface Manifest {
  readonly v: 1;
  readonly model: string;
  readonly version: string;
  readonly format: string;
  readonly sizeBytes: number;
  /** Of the model file in the clear, base64url. */
  readonly sha256: string;
  readonly layers: readonly ManifestLayer[];
  /** Seconds since 1970. */
  readonly publishedAt: number;
  readonly policy: {
    /** How long a licence lasts from its grant. */
    readonly licenceSeconds: number;
    /** How much longer a device that cannot reach us may go on. */
    readonly offlineGraceSeconds: number;
    /** Off where absent, as in manifests from before there were marks. */
    readonly tracing: WatermarkStrength;
  };
}

/** A manifest to be signed. */
export type ManifestInput = Omit<Manifest, 'v' | 'policy'> & {
  readonly policy: Omit<Manifest['policy'], 'tracing'> & Partial<Manifest['policy']>;
};

/** The manifest token; `kid` names the publisher's key, such as `manifest.1`. Throws what `verifyManifest` does. */
export async function signManifest(
  manifest: ManifestInput,
  kid: string,
  sign: Es256Signer,
): Promise<string> {
  return signJws({ typ: TYP, kid }, parseManifest({ v: 1, ...manifest }), sign);
}

/**
 * The manifest that a pinned publisher's key signed. Throws `token-malformed`, `signer-untrusted` or
 * `signature-invalid`.
 */
export async function verifyManifest(
  crypto: SealingCrypto,
  token: string,
  keys: readonly VerificationKey[],
): Promise<Manifest> {
  return parseManifest(await pinnedPayload(crypto, token, { typ: TYP, purpose: 'manifest' }, keys));
}

/** Throws `token-malformed`; members that are not known are left out. */
export function parseManifest(value: unknown): Manifest {
  const payload = new Payload(value);
  const policy = payload.inner('policy');
  const manifest: Manifest = {
    v: payload.literal('v', 1),
    model: payload.text('model'),
    version: payload.text('version'),
    format: payload.text('format', 32),
    sizeBytes: payload.whole('sizeBytes', 1),
    sha256: payload.bytes32('sha256'),
    layers: payload.list('layers', MAX_LAYERS).map(parseLayer),
    publishedAt: payload.date('publishedAt'),
    policy: {
      licenceSeconds: policy.whole('licenceSeconds', 60),
      offlineGraceSeconds: policy.whole('offlineGraceSeconds'),
      tracing: policy.oneOf('tracing', WATERMARK_STRENGTHS, 'off'),
    },
  };
  try {
    checkLayers(manifest.layers, manifest.sizeBytes);
  } catch (cause) {
    throw new SealError('token-malformed', 'layers', { cause });
  }
  return manifest;
}

function parseLayer(layer: Payload): ManifestLayer {
  const name = layer.optionalText('name', 1024);
  const dtype = layer.optionalText('dtype', 32);
  const shape = layer.optionalWholes('shape', 64);
  return {
    index: layer.whole('index', 0, 0xffff_ffff),
    offset: layer.whole('offset'),
    length: layer.whole('length', 1),
    ...(name !== undefined && { name }),
    ...(dtype !== undefined && { dtype }),
    ...(shape && { shape }),
  };
}
