import { type Subject, subjectFrom } from '../../functions/fraud/subjects.ts';
import type { CommandServices } from './command-services.ts';

export const SUBJECT =
  'user_ID, device_ID or network_ID as in decisions, or ISSUER#SUBJECT for a user';

/**
 * The subject that an operator names, by the name that holds now: events of months ago bear older
 * ones. Throws RangeError where the name is none, and unavailable while it is being moved.
 */
export async function subjectOf(
  { pseudonyms }: Pick<CommandServices, 'pseudonyms'>,
  name: string,
): Promise<Subject> {
  const [issuer = '', ...rest] = name.split('#');
  const { kind, id } =
    rest.length === 0
      ? subjectFrom(name)
      : ({ kind: 'user', id: pseudonyms.user(issuer, rest.join('#')) } as const);
  // Who has no secret goes by the names as they are.
  return { kind, id: kind === 'device' || !pseudonyms ? id : await pseudonyms.current(id) };
}
