/**
 * Grants for phones that hold an older version: bytes of real pairs of versions, and what a patch takes to seal. The shares
 * are those of docs/decisions/0021-patches-of-what-lies-there.md, `npm run bytes -- OLD NEW`; what a patch takes is
 * `patch.seal_x_whole` of `npm run bench -- --only patches`.
 */
import { MAX_PATCH_SHARE } from '../../functions/grants/seal-patch.ts';

export interface VersionPair {
  readonly name: string;
  /** Bytes of the patch, of those of the whole, by how copies are marked. */
  readonly patch: { readonly off: number; readonly standard: number };
}

export const VERSION_PAIRS: readonly VersionPair[] = [
  { name: 'the same weights, exported anew (PP-OCRv4)', patch: { off: 0, standard: 0.11 } },
  { name: 'the last tenth trained anew (the same)', patch: { off: 0.099, standard: 0.19 } },
  { name: 'the last half trained anew (the same)', patch: { off: 0.5, standard: 0.55 } },
  { name: 'the same file (selfie_segmentation)', patch: { off: 0.007, standard: 0.58 } },
  { name: 'a fifth in equal tensors (silero-vad)', patch: { off: 0.76, standard: 0.88 } },
  { name: 'all trained anew (pose_landmark, magika)', patch: { off: 0.99, standard: 0.99 } },
];

/** CPU of a patch, to that of the whole: both versions are opened, and compared. Three runs on a busy machine: 2.4, 3.2, 3.1. */
export const PATCH_CPU = 3;

/** What is delivered and worked for one grant whose phone holds a base: of the whole. A patch too large is not sent. */
export function ofWhole(patchShare: number): { readonly bytes: number; readonly cpu: number } {
  // Its instance tries such a pair once.
  if (patchShare > MAX_PATCH_SHARE) return { bytes: 1, cpu: 1 };
  return { bytes: patchShare, cpu: PATCH_CPU };
}
