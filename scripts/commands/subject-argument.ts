import { type Subject, subjectFrom } from '../../functions/fraud/subjects.ts';
import type { CommandServices } from './command-services.ts';

export const SUBJECT =
  'user_ID, device_ID or network_ID as in decisions, or ISSUER#SUBJECT for a user';

/** The subject that an operator names. Throws RangeError where the name is none. */
export function subjectOf(
  { pseudonyms }: Pick<CommandServices, 'pseudonyms'>,
  name: string,
): Subject {
  const [issuer = '', ...rest] = name.split('#');
  if (rest.length === 0) return subjectFrom(name);
  return { kind: 'user', id: pseudonyms.user(issuer, rest.join('#')) };
}
