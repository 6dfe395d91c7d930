/** What an object store hands on at a time. */
const PIECE_BYTES = 65_536;

/** The bytes as a stream, without copying them: copies are not what is measured. */
export async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

/** Reads a stream to its end and keeps nothing. */
export async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
