/** The bytes as a stream of chunks, each a copy: whoever reads it may overwrite what it gets. */
export async function* inPieces(
  bytes: Uint8Array,
  pieceBytes = 65_536,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    yield bytes.slice(at, at + pieceBytes);
  }
}
