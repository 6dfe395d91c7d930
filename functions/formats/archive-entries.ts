import { FormatError } from './errors.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** A file within an archive. */
export interface ArchiveEntry extends Span {
  /** Without `./` in front. */
  readonly name: string;
  /** Its bytes are not the file's own but packed ones, which say nothing until they are unpacked. */
  readonly packed?: boolean;
}

/** The members of one archive, each taken once by whoever knows what it is. */
export interface Members {
  readonly file: RandomAccess;
  readonly entries: readonly ArchiveEntry[];
  /** The file that `path` names from the folder of `entry`; undefined where there is none, or it is packed. */
  beside(entry: ArchiveEntry, path: string): ArchiveEntry | undefined;
  open(entry: ArchiveEntry): RandomAccess;
  take(entry: ArchiveEntry): void;
}

const MAX_ENTRIES = 65_536;

/** The files of an archive as they are met: names are unique and lead nowhere else. */
export class EntryList {
  readonly #entries = new Map<string, ArchiveEntry>();
  readonly #file: RandomAccess;

  constructor(file: RandomAccess) {
    this.#file = file;
  }

  /** Throws `malformed` for a name that is there already, or leads out of the archive. */
  add(entry: ArchiveEntry): void {
    const parts = entry.name.split('/').filter((part) => part !== '.' && part !== '');
    const name = parts.join('/');
    if (name === '' || entry.name.startsWith('/') || parts.includes('..')) {
      throw new FormatError('malformed', `a file called ${entry.name.slice(0, 100)}`);
    }
    if (this.#entries.has(name)) throw new FormatError('malformed', `two files called ${name}`);
    if (this.#entries.size === MAX_ENTRIES) throw new FormatError('too-large', 'files');
    this.#file.budget.text(name.length);
    this.#entries.set(name, { ...entry, name });
  }

  get all(): readonly ArchiveEntry[] {
    return [...this.#entries.values()];
  }
}
