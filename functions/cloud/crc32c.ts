/** CRC-32C (Castagnoli; RFC 9260 appendix A), the checksum of Cloud KMS and Cloud Storage. */

/**
 * Eight tables of 256 in one array: the k-th has the effect of a byte with k bytes behind it, so
 * that eight bytes take one step. With one table alone the checksum would be slower than the disk.
 */
const TABLES = new Uint32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  TABLES[byte] = crc;
}
for (let at = 256; at < TABLES.length; at++) {
  const before = TABLES[at - 256] as number;
  TABLES[at] = (before >>> 8) ^ (TABLES[before & 0xff] as number);
}

/** The checksum of `bytes`, or of what had the checksum `previous` followed by `bytes`. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const byte = (at: number): number => bytes[at] as number;
  const table = (behind: number, value: number): number =>
    TABLES[256 * behind + (value & 0xff)] as number;
  let crc = ~previous;
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    crc ^= byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    crc =
      table(7, crc) ^
      table(6, crc >>> 8) ^
      table(5, crc >>> 16) ^
      table(4, crc >>> 24) ^
      table(3, byte(at + 4)) ^
      table(2, byte(at + 5)) ^
      table(1, byte(at + 6)) ^
      table(0, byte(at + 7));
  }
  for (; at < bytes.length; at++) crc = table(0, crc ^ byte(at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}
