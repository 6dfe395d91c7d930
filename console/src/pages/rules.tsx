import type { Rules, Session } from '../api.ts';
import { Loaded, useAnswer } from '../parts/load.tsx';
import { Table } from '../parts/table.tsx';
import { Tag } from '../parts/text.tsx';
import { RuleTrial } from './rule-trial.tsx';

type Rule = Rules['rules'][number];

export function RulesPage({ session }: { readonly session: Session }) {
  const answer = useAnswer<Rules>('rules');
  return (
    <>
      <h1>Rules</h1>
      <Loaded of={answer}>
        {(answer) => {
          const { version, thresholds, rules, isComplete } = answer;
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
                      cell: ({ id, description }) => (
                        <>
                          <code>{id}</code>
                          <br />
                          <span class="muted small">{description}</span>
                        </>
                      ),
                    },
                    { name: 'Kind', cell: (rule) => <Kind of={rule} /> },
                    { name: 'Cap', cell: ({ cap }) => cap, isNumber: true },
                    { name: 'Cases', cell: ({ cases }) => cases, isNumber: true },
                    { name: 'Precision', cell: (rule) => precision(rule), isNumber: true },
                  ]}
                />
                <p class="muted small">
                  Cases of the last 30 days{isComplete ? '' : ', the newest of many'}; precision is
                  the share of verdicts that found a thief, by the rule that weighed most.
                </p>
              </section>
              {session.operations.includes('rules.try') && <RuleTrial of={answer} />}
            </>
          );
        }}
      </Loaded>
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
