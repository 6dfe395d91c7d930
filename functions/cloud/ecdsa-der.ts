/**
 * An ECDSA P-256 signature as r ‖ s (RFC 7518 section 3.4) out of its DER form (RFC 3279 section
 * 2.2.3); null where `der` is not the one DER encoding of two non-negative numbers below 2^256.
 */
export function ecdsaFromDer(der: Uint8Array): Uint8Array<ArrayBuffer> | null {
  // At most 2 + 2 × 35 bytes: every length fits the short form.
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return null;
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || length === 0 || number.length !== length) return null;
    const [first = 0, second = 0] = number;
    if (first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return null;
    const magnitude = first === 0 ? number.subarray(1) : number;
    if (magnitude.length > 32) return null;
    raw.set(magnitude, end - magnitude.length);
    at += 2 + length;
  }
  return at === der.length ? raw : null;
}
