import type { Rules, Session } from '../api.ts';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { count, Tag } from '../parts/text.tsx';
import { RuleTrial } from './rule-trial.tsx';

type Rule = Rules['rules'][number];

export function RulesPage({ session }: { readonly session: Session }) {
  const answer = useAnswer<Rules>('rules');
  return (
    <>
      <h1>Rules</h1>
      <Loaded of={answer}>
        {(answer) => {
          const { version, thresholds, rules, shadow, isComplete } = answer;
          return (
            <>
              <section aria-label="Rules in force">
                <p>
                  In force: <strong>{version}</strong>. Throttle from {thresholds.throttle} points,
                  step-up from {thresholds.stepUp}, block from {thresholds.block}. Hints alone
                  restrict nobody.
                </p>
                <Table
                  caption="Rules in force with the cases of 30 days and the verdicts on them"
                  rows={[...rules].sort((a, b) => b.cases - a.cases)}
                  none="There are no rules."
                  columns={[
                    {
                      name: 'Rule',
                      cell: (rule) => <Name of={rule} />,
                    },
                    { name: 'Kind', cell: (rule) => <Kind of={rule} /> },
                    { name: 'Cap', cell: ({ cap }) => cap, isNumber: true },
                    { name: 'Hits', cell: ({ decisions }) => count(decisions), isNumber: true },
                    { name: 'Cases', cell: ({ cases }) => cases, isNumber: true },
                    { name: 'Precision', cell: (rule) => precision(rule), isNumber: true },
                  ]}
                />
                <p class="muted small">
                  Hits are decisions of 24 hours that a rule is among the causes of. Cases of the
                  last 30 days{isComplete ? '' : ', the newest of many'}; precision is the share of
                  verdicts that found a thief, by the rule that weighed most.
                </p>
              </section>
              <section aria-labelledby="shadow">
                <h2 id="shadow">Under trial</h2>
                <p>
                  Judged and counted like those in force, together with them, and without effect on
                  anybody. What it would change is in “What if?”; it comes into force by a change of
                  the code.
                </p>
                <Table
                  caption="Rules under trial with the decisions that they would have led to"
                  rows={shadow}
                  none="No rule is under trial."
                  columns={[
                    { name: 'Rule', cell: (rule) => <Name of={rule} /> },
                    { name: 'Kind', cell: () => <Tag kind="warn">Shadow</Tag> },
                    { name: 'Cap', cell: ({ cap }) => cap, isNumber: true },
                    { name: 'Hits', cell: ({ decisions }) => count(decisions), isNumber: true },
                  ]}
                />
              </section>
              {session.operations.includes('rules.try') && <RuleTrial of={answer} />}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Name({
  of: { id, description },
}: {
  readonly of: { readonly id: string; readonly description: string };
}) {
  return (
    <>
      <code>{id}</code>
      <br />
      <span class="muted small">{description}</span>
    </>
  );
}

function Kind({ of: { isHint, heldBack } }: { readonly of: Rule }) {
  if (heldBack) return <Tag kind="warn">Held back</Tag>;
  return <Tag>{isHint ? 'Hint' : 'Restricts'}</Tag>;
}

function precision({ thieves, good }: Rule): string {
  const all = thieves + good;
  return all === 0 ? 'no verdicts' : `${Math.round((100 * thieves) / all)} % of ${all}`;
}
