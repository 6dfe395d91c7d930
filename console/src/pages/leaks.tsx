/** Leaked files: brought here, traced elsewhere, and whose copy each is. */
import { useEffect, useState } from 'preact/hooks';
import { api, type Leaks, Refusal, type Session } from '../api.ts';
import { type Change, useChange } from '../parts/act-form.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { bytes, count, percent, SubjectLink, Tag, type TagKind, When } from '../parts/text.tsx';
import { Unreadable } from '../parts/unreadable.tsx';
import { digestOf, newId, sendParts } from '../upload.ts';

type Leak = Leaks['leaks'][number];
type Result = NonNullable<Leak['result']>;
type Named = Result['named'][number];

/** How often the page asks again while a file waits to be traced, or is. */
const WATCH_MS = 3_000;

export function LeaksPage({ session }: { readonly session: Session }) {
  const answer = useAnswer<Leaks>('leaks');
  const { begin, dialog } = useChange(session, answer.reload);
  const [progress, setProgress] = useState('');
  const isWaiting = answer.data?.leaks.some(({ state }) => STATES[state].isOpen);
  // With each answer anew, until nothing waits.
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setTimeout(answer.reload, WATCH_MS);
    return () => clearTimeout(timer);
  }, [answer.data]);
  return (
    <>
      <h1>Leaks</h1>
      <p>
        A model file that was found somewhere, to be told whose copy it is. A result is a reason to
        look, and proves no intent: a phone is stolen, shared or infected.
      </p>
      <Loaded of={answer}>
        {({ leaks, unreadable, maxBytes }) => (
          <>
            <Unreadable of={unreadable} />
            {session.operations.includes('leak.open') && (
              <FileForm
                maxBytes={maxBytes}
                onFile={(file, model) => begin(uploadChange(file, model, setProgress))}
              />
            )}
            <p role="status">{progress}</p>
            <section aria-labelledby="brought">
              <h2 id="brought">Brought within seven days</h2>
              <Table
                caption="Leaked files, the newest first"
                rows={leaks}
                none="Nobody brought a file."
                columns={[
                  { name: 'When', cell: ({ openedAt }) => <When at={openedAt} short /> },
                  { name: 'Who and why', cell: ({ by, reason }) => `${by}: ${reason}` },
                  { name: 'File', cell: (leak) => <File of={leak} /> },
                  { name: 'State', cell: (leak) => <State of={leak} /> },
                  { name: 'Found', cell: (leak) => <Found of={leak} /> },
                ]}
              />
            </section>
          </>
        )}
      </Loaded>
      {dialog}
    </>
  );
}

function FileForm({
  maxBytes,
  onFile,
}: {
  readonly maxBytes: number;
  readonly onFile: (file: Blob, model: string | null) => void;
}) {
  const [problem, setProblem] = useState('');
  const submit = (event: SubmitEvent & { readonly currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const file = given.get('file');
    const model = String(given.get('model')).trim();
    if (!(file instanceof Blob) || file.size === 0) return setProblem('Choose a file first.');
    if (file.size > maxBytes) {
      return setProblem(
        `Larger than ${bytes(maxBytes)}: use \`modelseal trace\` on a machine of yours.`,
      );
    }
    setProblem('');
    onFile(file, model === '' ? null : model);
  };
  return (
    <>
      <form class="search" onSubmit={submit}>
        <label>
          File, up to {bytes(maxBytes)}
          <input type="file" name="file" />
        </label>
        <label>
          Model that it is of, or empty for all
          <input name="model" autocomplete="off" spellcheck={false} maxLength={64} />
        </label>
        <button type="submit" class="primary">
          Trace
        </button>
      </form>
      {problem && (
        <p class="notice bad" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

/** The dialog of an upload. Pressed twice, it is one. */
function uploadChange(
  file: Blob,
  model: string | null,
  setProgress: (text: string) => void,
): Change {
  const leakId = newId('l');
  return {
    title: `Trace a file of ${bytes(file.size)}`,
    consequence:
      'It is sent to the service, held against the marks of every grant on record, and deleted. The result and its evidence stay for seven days.',
    button: 'Send',
    isDangerous: false,
    needsStepUp: true,
    async carryOut({ reason }) {
      const content = new Uint8Array(await file.arrayBuffer());
      const sha256 = await digestOf(content);
      const { partBytes } = await api.post<{ readonly partBytes: number }>('leaks', {
        ...{ leakId, model, sizeBytes: content.byteLength, sha256, reason },
      });
      try {
        await sendParts(leakId, content, partBytes, (share) =>
          setProgress(`Sent ${percent(share)}`),
        );
        await api.post(`leaks/${leakId}/trace`, {});
      } finally {
        setProgress('');
      }
    },
  };
}

const STATES: Readonly<
  Record<Leak['state'], { readonly kind: TagKind; readonly word: string; readonly isOpen?: true }>
> = {
  uploading: { kind: 'plain', word: 'Not sent whole' },
  waiting: { kind: 'warn', word: 'Waiting', isOpen: true },
  running: { kind: 'warn', word: 'Being traced', isOpen: true },
  done: { kind: 'good', word: 'Traced' },
  refused: { kind: 'bad', word: 'Refused' },
};

const WITH_COMMAND = 'use `modelseal trace` on a machine of yours';
const REFUSALS: Readonly<Record<string, string>> = {
  incomplete: 'it did not arrive whole: send it again',
  not_as_announced: 'what arrived is not what was announced: send it again',
  not_a_model: 'it is no model file that can be read',
  too_large: `a model to compare it with is too large to be looked at here: ${WITH_COMMAND}`,
  gave_up: `finding out what was done to it took too long and was ended: ${WITH_COMMAND}`,
  too_long: `it would take too long here: ${WITH_COMMAND}`,
  unreadable: 'its document cannot be read: send it again',
  failed: `it failed twice: ${WITH_COMMAND}`,
};

function File({ of: { sizeBytes, sha256, model } }: { readonly of: Leak }) {
  return (
    <>
      {bytes(sizeBytes)}, <code title={`SHA-256 ${sha256}`}>{sha256.slice(0, 10)}…</code>
      {model && <span class="muted small"> of {model}</span>}
    </>
  );
}

function State({ of: { state, refusal } }: { readonly of: Leak }) {
  const { kind, word } = STATES[state];
  return (
    <>
      <Tag kind={kind}>{word}</Tag>
      {refusal && <span class="muted small"> {REFUSALS[refusal] ?? refusal}</span>}
    </>
  );
}

function Found({ of: { leakId, result } }: { readonly of: Leak }) {
  const [error, setError] = useState('');
  if (!result) return <>–</>;
  const fetchEvidence = () =>
    saveEvidence(leakId).catch((thrown: unknown) =>
      setError(thrown instanceof Refusal ? thrown.message : String(thrown)),
    );
  return (
    <>
      <div>{verdictOf(result)}</div>
      {result.unreadable > 0 && (
        <p class="bad">
          {count(result.unreadable)} records of models or grants could not be read, and were held
          against nothing.
        </p>
      )}
      {result.named.map((one) => (
        <NamedCopy key={one.name} of={one} />
      ))}
      <button
        type="button"
        aria-label={`Evidence of ${leakId}`}
        onClick={() => void fetchEvidence()}
      >
        Evidence
      </button>
      {error && (
        <span class="bad" role="alert">
          {error}
        </span>
      )}
    </>
  );
}

function NamedCopy({
  of: { name, user, device, grants, grantedAt, log10P, deviceLog10P },
}: {
  readonly of: Named;
}) {
  return (
    <p>
      {user ? <SubjectLink subject={`user_${user}`} /> : `${name}, of nobody on record any more`}
      {device && (
        <>
          {', '}
          <SubjectLink subject={`device_${device}`} />
        </>
      )}
      {grantedAt && (
        <>
          , granted <When at={grantedAt} short />
          {grants > 1 && `, ${count(grants)} times`}
        </>
      )}
      . An innocent would be named with a probability of at most {probability(log10P)}
      {deviceLog10P !== null && `; another device of that user, ${probability(deviceLog10P)}`}.
    </p>
  );
}

/** Structure and weights are told apart: what has our structure and other weights was trained anew. */
function verdictOf({ of, foreign, grantsTested, log10P, named }: Result): string {
  if (!of) {
    if (foreign.alike > 0) {
      return `No copy of ours: ${foreign.alike} with its structure, none with its weights.`;
    }
    return foreign.unlike === 0
      ? 'No traced model of ours to compare it with.'
      : `No copy of ours: none has its structure, and none of ${foreign.unlike} has its weights.`;
  }
  const compared = `${of.model} ${of.version}, with ${percent(of.coverage)} of the marks in ${count(of.tensors)} tensors; grants tested: ${count(grantsTested)}.`;
  if (named.length > 0) return compared;
  return `${compared} Nobody is named: the likeliest would come up by chance with a probability of up to ${probability(log10P ?? 0)}.`;
}

/** Far below what a double holds, too. */
function probability(log10P: number): string {
  if (log10P > -3) return (10 ** log10P).toPrecision(2);
  return `10^${Math.ceil(log10P)}`;
}

/** Hands the evidence to the browser as a file. */
async function saveEvidence(leakId: string): Promise<void> {
  const evidence = await api.get<object>(`leaks/${leakId}/evidence`);
  const file = new Blob([`${JSON.stringify(evidence, null, 2)}\n`], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `evidence-${leakId}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
