import { api, type Case, type Cases, type Session } from '../api.ts';
import { type Change, useChange } from '../parts/act-form.tsx';
import { Acts } from '../parts/acts.tsx';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { ACTION_WORDS, SubjectLink, Tag, When } from '../parts/text.tsx';
import { Unreadable } from '../parts/unreadable.tsx';

export function CasesPage({ session }: { readonly session: Session }) {
  const answer = useAnswer<Cases>('cases');
  const { begin, dialog } = useChange(session, answer.reload);
  const mayJudge = session.operations.includes('verdict.give');
  const judge = (decisionId: string, verdict: 'thief' | 'good') =>
    begin(verdictChange(decisionId, verdict));
  return (
    <>
      <h1>Cases</h1>
      <Loaded of={answer}>
        {({ cases, isComplete, heldBack, acts, unreadable }) => (
          <>
            <Unreadable of={unreadable} />
            <section aria-labelledby="queue">
              <h2 id="queue">Restrictions by the rules, 30 days</h2>
              <Table
                caption="Cases, those without a verdict first"
                rows={cases}
                none="The rules restricted nobody."
                columns={[
                  { name: 'Subject', cell: ({ subject }) => <SubjectLink subject={subject} /> },
                  { name: 'Action', cell: (one) => <Action of={one} /> },
                  { name: 'From', cell: ({ since }) => <When at={since} short /> },
                  { name: 'Until', cell: ({ until }) => <When at={until} short /> },
                  { name: 'Causes', cell: ({ rules }) => rules.join(', ') || '–' },
                  {
                    name: 'Verdict',
                    cell: (one) => <Verdict of={one} judge={mayJudge ? judge : undefined} />,
                  },
                ]}
              />
              {!isComplete && <p class="muted">There are more: `modelseal undo` works in bulk.</p>}
            </section>
            {heldBack.length > 0 && (
              <section aria-labelledby="held">
                <h2 id="held">Held back by a breaker</h2>
                <Table
                  caption="Rules that are kept from restricting"
                  rows={heldBack}
                  none=""
                  columns={[
                    { name: 'Rule', cell: ({ rule }) => rule },
                    { name: 'App', cell: ({ appVersion }) => appVersion || 'unknown' },
                    { name: 'Subjects', cell: ({ subjects }) => subjects, isNumber: true },
                    { name: 'Until', cell: ({ until }) => <When at={until} short /> },
                  ]}
                />
              </section>
            )}
            <section aria-labelledby="acts">
              <h2 id="acts">Done lately</h2>
              <Acts acts={acts} />
            </section>
          </>
        )}
      </Loaded>
      {dialog}
    </>
  );
}

function Action({ of: { action, escalation } }: { readonly of: Case }) {
  const ordinal = escalation && escalation > 1 ? ` no. ${escalation}` : '';
  return (
    <Tag kind={action === 'block' ? 'bad' : 'warn'}>{`${ACTION_WORDS[action]}${ordinal}`}</Tag>
  );
}

function Verdict({
  of: { verdict, decisionId, subject },
  judge,
}: {
  readonly of: Case;
  readonly judge: ((decisionId: string, verdict: 'thief' | 'good') => void) | undefined;
}) {
  if (verdict) {
    const isThief = verdict.verdict === 'thief';
    return (
      <Tag kind={isThief ? 'plain' : 'good'}>
        {isThief ? 'True: a thief' : 'False: somebody good'}
      </Tag>
    );
  }
  if (!judge || decisionId === null) return <Tag>Open</Tag>;
  return (
    <span class="buttons tight">
      <button
        type="button"
        aria-label={`A thief: ${subject}`}
        onClick={() => judge(decisionId, 'thief')}
      >
        Thief
      </button>
      <button
        type="button"
        aria-label={`Somebody good: ${subject}`}
        onClick={() => judge(decisionId, 'good')}
      >
        Good
      </button>
    </span>
  );
}

const verdictChange = (decisionId: string, verdict: 'thief' | 'good'): Change => ({
  title: verdict === 'thief' ? 'The rules were right' : 'The rules were wrong',
  consequence:
    verdict === 'thief'
      ? 'Counts as a true positive in the precision of the rule.'
      : 'Counts as a false positive in the precision of the rule. It lifts no restriction: that is done on the page of the subject.',
  button: verdict === 'thief' ? 'It was a thief' : 'It was somebody good',
  isDangerous: false,
  needsStepUp: false,
  carryOut: ({ reason }) => api.post('verdicts', { decisionId, verdict, reason }),
});
