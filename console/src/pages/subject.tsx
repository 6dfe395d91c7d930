import { useState } from 'preact/hooks';
import { api, type Session, type SubjectView } from '../api.ts';
import { type Change, useChange } from '../parts/act-form.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { ACTION_WORDS, SubjectLink, Tag, When } from '../parts/text.tsx';
import { Unreadable } from '../parts/unreadable.tsx';

const KEY = /^(?:user|device|network)_[\w-]{1,128}$/;

/** Where somebody types or pastes the key of a subject. */
export function SubjectSearch() {
  const [isWrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent & { readonly currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get('key')).trim();
    setWrong(!KEY.test(key));
    if (KEY.test(key)) location.hash = `#/subjects/${key}`;
  };
  return (
    <>
      <h1>Subjects</h1>
      <form class="search" onSubmit={submit}>
        <label>
          Pseudonym, as in decisions and cases
          <input name="key" placeholder="user_p1_…" autocomplete="off" spellcheck={false} />
        </label>
        <button type="submit" class="primary">
          Show
        </button>
      </form>
      {isWrong && (
        <p class="notice bad" role="alert">
          A key begins with user_, device_ or network_.
        </p>
      )}
    </>
  );
}

export function SubjectPage({
  subject,
  session,
}: {
  readonly subject: string;
  readonly session: Session;
}) {
  const answer = useAnswer<SubjectView>(`subjects/${encodeURIComponent(subject)}`);
  const { begin, dialog } = useChange(session, answer.reload);
  const [kind = '', ...name] = subject.split('_');
  const may = (operation: Session['operations'][number]) => session.operations.includes(operation);
  return (
    <>
      <h1>
        {kind[0]?.toUpperCase()}
        {kind.slice(1)} <code>{name.join('_')}</code>
      </h1>
      <Loaded of={answer}>
        {(view) => (
          <>
            <Unreadable of={view.unreadable} />
            {!view.isKnown && <p class="notice">Nothing is known of this subject.</p>}
            <div class="buttons">
              {may('subject.undo') && (
                <button type="button" onClick={() => begin(undoChange(subject))}>
                  Undo and forgive
                </button>
              )}
              {may('subject.allow') && (
                <button type="button" onClick={() => begin(allowChange(subject))}>
                  Allow
                </button>
              )}
              {may('subject.block') && (
                <button type="button" class="danger" onClick={() => begin(blockChange(subject))}>
                  Block
                </button>
              )}
            </div>
            <Restrictions of={view} />
            <section aria-labelledby="score">
              <h2 id="score">
                Score {Math.round(view.score)}
                {view.escalation > 0 && (
                  <span class="muted">, blocked {view.escalation} × so far</span>
                )}
              </h2>
              {view.measures.length === 0 && (
                <p class="notice">The rules have nothing against it.</p>
              )}
              {view.measures.map((measure) => (
                <Measure of={measure} key={measure.measure} />
              ))}
            </section>
            {view.kind !== 'network' && <Devices of={view} />}
            <Timeline of={view} />
          </>
        )}
      </Loaded>
      {dialog}
    </>
  );
}

function Restrictions({ of: { active, restrictions } }: { readonly of: SubjectView }) {
  const pending =
    restrictions.block && Date.parse(restrictions.block.createdAt) > Date.now()
      ? restrictions.block
      : undefined;
  const { block, stepUp, throttledUntil, allowedUntil } = active;
  const isFree = !block && !stepUp && !throttledUntil && !allowedUntil && !pending;
  return (
    <section aria-labelledby="restrictions">
      <h2 id="restrictions">Restrictions</h2>
      <ul class="list">
        {isFree && (
          <li>
            <Tag kind="good">None</Tag>
          </li>
        )}
        {block && (
          <li>
            <Tag kind="bad">Blocked</Tag> until <When at={block.until} /> by {block.by}:{' '}
            {block.reason}
          </li>
        )}
        {pending && (
          <li>
            <Tag kind="warn">Block pending</Tag> from <When at={pending.createdAt} /> by{' '}
            {pending.by}: {pending.reason}
          </li>
        )}
        {stepUp && (
          <li>
            <Tag kind="warn">Step-up</Tag> until <When at={stepUp.until} />
          </li>
        )}
        {throttledUntil && (
          <li>
            <Tag kind="warn">Throttled</Tag> until <When at={throttledUntil} />
          </li>
        )}
        {allowedUntil && (
          <li>
            <Tag kind="good">Allowed</Tag> whatever the rules find, until <When at={allowedUntil} />
          </li>
        )}
      </ul>
    </section>
  );
}

function Measure({
  of: { measure, since, until, score, causes },
}: {
  readonly of: SubjectView['measures'][number];
}) {
  return (
    <details open={measure === 'block'}>
      <summary>
        <strong>{ACTION_WORDS[measure]}</strong> at {Math.round(score)} points,{' '}
        <When at={since} short /> until <When at={until} short />
      </summary>
      <Table
        caption={`Causes of ${ACTION_WORDS[measure]}`}
        rows={causes}
        none="No causes are left."
        columns={[
          { name: 'Rule', cell: ({ rule }) => <code>{rule}</code> },
          { name: 'Points', cell: ({ points }) => Math.round(points), isNumber: true },
          { name: 'Why', cell: ({ words }) => words },
          {
            name: 'Evidence',
            cell: ({ evidence }) =>
              `${evidence.slice(0, 4).join(', ')}${evidence.length > 4 ? ` and ${evidence.length - 4} more` : ''}`,
          },
        ]}
      />
    </details>
  );
}

function Devices({ of: { devices, kind } }: { readonly of: SubjectView }) {
  return (
    <section aria-labelledby="devices">
      <h2 id="devices">{kind === 'user' ? 'Devices' : 'This device'}</h2>
      <Table
        caption="Enrolled devices"
        rows={devices}
        none="No device is enrolled."
        columns={[
          kind === 'user'
            ? {
                name: 'Device',
                cell: ({ deviceId }) => <SubjectLink subject={`device_${deviceId}`} />,
              }
            : { name: 'User', cell: ({ user }) => <SubjectLink subject={user} /> },
          {
            name: 'Platform',
            cell: ({ platform, appVersion }) => `${platform}, app ${appVersion}`,
          },
          { name: 'Assurance', cell: ({ assurance }) => assurance },
          { name: 'Enrolled', cell: ({ enrolledAt }) => <When at={enrolledAt} short /> },
          {
            name: 'State',
            cell: ({ retiredAt, approvedFrom }) =>
              retiredAt ? (
                <Tag>Retired</Tag>
              ) : approvedFrom && Date.parse(approvedFrom) > Date.now() ? (
                <Tag kind="warn">Provisional</Tag>
              ) : (
                <Tag kind="good">In use</Tag>
              ),
          },
        ]}
      />
    </section>
  );
}

const KINDS: Readonly<Record<string, string>> = {
  grant: 'Grant',
  evidence: 'Evidence',
  rules: 'Rules',
  act: 'Operator',
  device: 'Device',
};

/** A screenful or two. */
const SHOWN_ENTRIES = 40;

function Timeline({ of: { timeline, isWhole } }: { readonly of: SubjectView }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? timeline : timeline.slice(0, SHOWN_ENTRIES);
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Timeline</h2>
      {timeline.length === 0 && <p class="notice">Nothing happened.</p>}
      <ol class="timeline">
        {shown.map(({ at, kind, what, detail }) => (
          <li class={kind} key={`${at} ${kind} ${what} ${detail}`}>
            <When at={at} short /> <span class="muted">{KINDS[kind]}</span> <strong>{what}</strong>{' '}
            <span class="detail">{detail}</span>
          </li>
        ))}
      </ol>
      {shown.length < timeline.length && (
        <p class="buttons">
          <button type="button" onClick={() => setAll(true)}>
            Show all {timeline.length}
          </button>
        </p>
      )}
      {!isWhole && <p class="muted">There is more in BigQuery.</p>}
    </section>
  );
}

const act = (subject: string, body: object) =>
  api.post(`subjects/${encodeURIComponent(subject)}/acts`, body);

const undoChange = (subject: string): Change => ({
  title: 'Undo and forgive',
  consequence:
    'Lifts every restriction. What led to it counts no more; what happens from now on does.',
  button: 'Set free',
  isDangerous: true,
  needsStepUp: true,
  carryOut: ({ reason }) => act(subject, { act: 'undo', reason }),
});

const allowChange = (subject: string): Change => ({
  title: 'Allow',
  consequence: 'The rules restrict this subject no more for some hours, as a device of testers.',
  button: 'Allow',
  isDangerous: false,
  hours: 24,
  needsStepUp: false,
  carryOut: ({ hours, reason }) => act(subject, { act: 'allow', hours, reason }),
});

const blockChange = (subject: string): Change => ({
  title: 'Block',
  consequence: 'No grants and no renewals for some hours, from the next request on.',
  button: 'Block',
  isDangerous: true,
  hours: 24,
  needsStepUp: true,
  carryOut: ({ hours, reason }) => act(subject, { act: 'block', hours, reason }),
});
