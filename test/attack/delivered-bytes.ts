/** What can be done to the ciphertext of a delivery on its way. */
import { concat } from '../../functions/protocol/bytes.ts';
import { announcedHeaderBytes, chunkAt, decodeHeader } from '../../functions/protocol/container.ts';
import { withFlippedByte, withoutLastChunk, withSwappedChunks } from '../support/tampering.ts';
import { type Attack, edit } from './attack.ts';
import { MODEL, opened } from './delivery.ts';

const VERIFIED = 'sdk/typescript/opening/verified-model.ts';
const ANY_DIGEST = edit(
  VERIFIED,
  'if (!equalBytes(digest.digest(), fromBase64url(sha256) ?? new Uint8Array())) {',
  'if (false) {',
);
const ANY_LAYOUT = edit(
  VERIFIED,
  "if (!same) throw new SealError('token-mismatch', 'the container is not laid out as the manifest');",
);
const ANY_PLACE = edit(
  'functions/protocol/container.ts',
  'return concat(headerHash, u32be(index), new Uint8Array([last ? 1 : 0]));',
  'return new Uint8Array(1);',
);
const UNAUTHENTICATED = edit(
  'functions/protocol/openssl-crypto.ts',
  'into.fill(0);\n        return null;',
  '',
);

const sealed =
  (change: (bytes: Uint8Array) => Uint8Array): Attack['run'] =>
  (lab) =>
    opened((genuine) => ({ ...genuine, sealed: change(genuine.sealed) }))(lab);

export const deliveredBytes: readonly Attack[] = [
  {
    name: 'seal/flipped-byte',
    tries: 'one bit of the ciphertext flipped',
    refused: 'chunk-forged',
    defence: 'each chunk is authenticated',
    off: { edits: [UNAUTHENTICATED, ANY_DIGEST] },
    run: sealed(withFlippedByte),
  },
  {
    name: 'seal/swapped-chunks',
    tries: 'two chunks in each other’s place',
    refused: 'chunk-forged',
    defence: 'a chunk opens at its place only',
    off: { edits: [ANY_PLACE, ANY_DIGEST] },
    run: sealed(withSwappedChunks),
  },
  {
    name: 'seal/truncated',
    tries: 'a delivery without its last chunk and with a header that says so',
    refused: 'token-mismatch',
    defence: 'the layout is the manifest’s; the last chunk is marked, the header covered',
    off: { edits: [ANY_LAYOUT, ANY_PLACE, ANY_DIGEST] },
    run: sealed((bytes) => {
      const header = decodeHeader(bytes.subarray(0, announcedHeaderBytes(bytes)));
      const cut = Uint8Array.from(withoutLastChunk(bytes));
      const { offset } = chunkAt(header, Math.ceil(header.plainBytes / header.chunkBytes) - 1);
      const view = new DataView(cut.buffer);
      view.setBigUint64(16, BigInt(offset));
      // And its only layer ends there.
      view.setBigUint64(40, BigInt(offset));
      return cut;
    }),
  },
  {
    name: 'seal/spliced',
    tries: 'the first chunk of another grant’s delivery',
    refused: 'chunk-forged',
    defence: 'each grant has a content key of its own',
    off: {
      edits: [
        edit(
          'test/support/test-cloud.ts',
          'const contentKey = crypto.randomBytes(32);',
          'const contentKey = new Uint8Array(32).fill(7);',
        ),
        ANY_DIGEST,
      ],
    },
    run: opened(async (genuine, { cloud, recipientKey }) => {
      const other = await cloud.publish(MODEL.map((byte) => byte ^ 1));
      const { sealed: foreign } = await cloud.grant(other, recipientKey);
      const header = decodeHeader(foreign.subarray(0, announcedHeaderBytes(foreign)));
      const { end } = chunkAt(header, 0);
      return { ...genuine, sealed: concat(foreign.subarray(0, end), genuine.sealed.subarray(end)) };
    }),
  },
];
