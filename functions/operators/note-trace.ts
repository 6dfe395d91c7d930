/** A trace in the audit log: who traced what, and whom it named. */
import type { DocumentStore } from '../cloud/documents.ts';
import { subjectKey } from '../fraud/subjects.ts';
import type { Comparison, TraceResult } from '../grants/trace-leak.ts';
import { type Act, auditEntry } from './audit.ts';

interface NoteServices {
  readonly documents: Pick<DocumentStore, 'create'>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly now: () => Date;
}

/** On record before anybody sees a name: with the model, or `leak` where it is of none, and with whoever is named. */
export async function noteTrace(
  services: NoteServices,
  result: TraceResult,
  { by, reason }: { readonly by: string; readonly reason?: string | undefined },
): Promise<void> {
  const act = { by, reason: [reason, summaryOf(result)].filter(Boolean).join('; ') };
  await noteTraceAct(services, result.comparison?.version.modelId, act);
  for (const id of namedUsers(result)) {
    const subject = subjectKey({ kind: 'user', id });
    await services.documents.create(...auditEntry(services, subject, 'trace', act, services.now()));
  }
}

/** One entry, of the model or, where there is none, of a leak. */
export function noteTraceAct(
  services: NoteServices,
  modelId: string | undefined,
  act: Act,
): Promise<void> {
  const subject = modelId === undefined ? 'leak' : `model_${modelId}`;
  return services.documents.create(...auditEntry(services, subject, 'trace', act, services.now()));
}

const namedUsers = ({ named }: TraceResult): ReadonlySet<string> =>
  new Set(named.flatMap(({ records }) => records.map(({ user }) => user)));

/** MODEL@VERSION. */
export const tracedName = ({ version }: Comparison): string =>
  `${version.modelId}@${version.version}`;

function summaryOf({ leak, comparison, named }: TraceResult): string {
  const names = named.map(({ name }) => name).join(', ') || 'nobody';
  const of = comparison ? tracedName(comparison) : 'no traced model';
  return `leak sha256 ${leak.sha256} of ${of}, named: ${names}`;
}
