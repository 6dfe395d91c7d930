import { bufferOf } from './bytes.ts';
import { DerReader, TAG } from './der.ts';

/** Attribute types (RFC 5280 appendix A.1), as far as certificates of phones are told apart by them. */
export const ATTRIBUTE = {
  serialNumber: '2.5.4.5',
  organization: '2.5.4.10',
  title: '2.5.4.12',
} as const;

/** The kinds of text whose bytes are UTF-8, ASCII among them. */
const TEXT: ReadonlySet<number> = new Set([TAG.utf8String, TAG.printableString, TAG.ia5String]);

/**
 * The attributes of a Name (RFC 5280 section 4.1.2.4) by type, the first of each; what is no text is
 * left out. Throws AttestationError `certificate-malformed`.
 */
export function parseName(der: Uint8Array): ReadonlyMap<string, string> {
  const outer = new DerReader(der, 'certificate-malformed');
  const sets = outer.sequence();
  outer.end();
  const attributes = new Map<string, string>();
  for (const set of sets.rest()) {
    for (const element of sets.within(set).rest()) {
      const fields = sets.within(element);
      const type = fields.oid();
      const { tagClass, tag, content } = fields.next();
      const isText = tagClass === 'universal' && TEXT.has(tag);
      if (isText && !attributes.has(type)) attributes.set(type, bufferOf(content).toString('utf8'));
    }
  }
  return attributes;
}
