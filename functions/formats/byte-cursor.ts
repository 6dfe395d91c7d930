import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import type { RandomAccess } from './random-access.ts';

/** Reads one thing of a file after the other; numbers are little-endian. Throws FormatError at its end. */
export class ByteCursor {
  offset: number;
  readonly file: RandomAccess;

  constructor(file: RandomAccess, offset: number) {
    this.file = file;
    this.offset = offset;
  }

  u32(): Awaitable<number> {
    this.offset += 4;
    return this.file.u32(this.offset - 4, 'header');
  }

  i32(): Awaitable<number> {
    this.offset += 4;
    return this.file.i32(this.offset - 4, 'header');
  }

  u64(): Awaitable<number> {
    this.offset += 8;
    return this.file.u64(this.offset - 8, 'header');
  }

  /** Text behind its length of eight bytes. Throws `malformed` for more than `most` bytes. */
  async string(most: number): Promise<string> {
    return this.text(await this.u64(), most);
  }

  async text(length: number, most: number): Promise<string> {
    if (length > most) throw new FormatError('malformed', `a name of ${length} bytes`);
    const text = await this.file.text({ offset: this.offset, length }, 'name');
    this.offset += length;
    return text;
  }

  skip(bytes: number): void {
    this.file.check(this.offset, bytes, 'header');
    this.offset += bytes;
  }
}
