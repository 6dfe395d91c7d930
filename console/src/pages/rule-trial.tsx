/** Other numbers for a rule, tried over what the database remembers, and the difference that they make. */
import { useState } from 'preact/hooks';
import { api, Refusal, type Rules, type RuleTrialResult } from '../api.ts';
import { Table } from '../parts/table.tsx';
import { ACTION_WORDS, count, SubjectLink } from '../parts/text.tsx';

type Rule = Rules['shadow'][number];
type Side = RuleTrialResult['rows'][number]['both'];

interface Form {
  readonly rule: string;
  readonly isOff: boolean;
  readonly weight: string;
  readonly cap: string;
  readonly block: string;
}

const numberOf = (text: string): number | undefined => (text === '' ? undefined : Number(text));

export function RuleTrial({ of: { rules: live, shadow, thresholds } }: { readonly of: Rules }) {
  const rules: readonly Rule[] = [...live, ...shadow];
  const [form, setForm] = useState<Form>(formOf(rules[0], thresholds.block));
  const [result, setResult] = useState<RuleTrialResult>();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const { rule: id, isOff, weight, cap, block } = form;
    const change = isOff ? { id, isOff } : { id, weight: numberOf(weight), cap: numberOf(cap) };
    try {
      const body = { rules: [change], thresholds: { block: numberOf(block) } };
      setResult(await api.post<RuleTrialResult>('rules/trials', body));
    } catch (thrown) {
      setResult(undefined);
      setError(thrown instanceof Refusal ? thrown.message : String(thrown));
    } finally {
      setBusy(false);
    }
  };
  const points = (member: 'weight' | 'cap' | 'block', label: string, disabled = false) => (
    <label>
      {label}
      <input
        type="number"
        min={0.5}
        max={1000}
        step={0.5}
        required={!disabled}
        disabled={disabled}
        value={form[member]}
        onInput={(event) => setForm({ ...form, [member]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <section aria-labelledby="trial">
      <h2 id="trial">What if?</h2>
      <p>
        Judges the subjects with the highest scores anew by all that is remembered of them, thirty
        days at most. Changes nothing.
      </p>
      <form class="trial" onSubmit={(event) => void submit(event)}>
        <label>
          Rule
          <select
            value={form.rule}
            onInput={({ currentTarget: { value } }) =>
              setForm(
                formOf(
                  rules.find(({ id }) => id === value),
                  Number(form.block),
                ),
              )
            }
          >
            {rules.map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
        {points('weight', 'Points each', form.isOff)}
        {points('cap', 'Cap', form.isOff)}
        {points('block', 'Block from')}
        <label class="check">
          <input
            type="checkbox"
            checked={form.isOff}
            onInput={(event) => setForm({ ...form, isOff: event.currentTarget.checked })}
          />
          Without this rule
        </label>
        <button type="submit" class="primary" disabled={isBusy}>
          Replay
        </button>
      </form>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <div role="status">{result && <Difference of={result} />}</div>
    </section>
  );
}

const formOf = (rule: Rule | undefined, block: number): Form => ({
  rule: rule?.id ?? '',
  isOff: false,
  weight: String(rule?.weight ?? ''),
  cap: String(rule?.cap ?? ''),
  block: String(block),
});

function Difference({ of: { rows, looked, isComplete } }: { readonly of: RuleTrialResult }) {
  const changed = rows.filter(({ onlyNow, onlyThen }) => onlyNow.subjects + onlyThen.subjects > 0);
  return (
    <>
      <Table
        caption="Restrictions by the rules in force and by the changed ones"
        rows={rows}
        none=""
        columns={[
          { name: 'Restriction', cell: ({ action }) => ACTION_WORDS[action] },
          { name: 'Both', cell: ({ both }) => sideText(both), isNumber: true },
          { name: 'No more', cell: ({ onlyNow }) => sideText(onlyNow), isNumber: true },
          { name: 'New', cell: ({ onlyThen }) => sideText(onlyThen), isNumber: true },
        ]}
      />
      {changed.map(({ action, onlyNow, onlyThen }) => (
        <details key={action}>
          <summary>{ACTION_WORDS[action]}: who</summary>
          <Named title="No more" of={onlyNow} />
          <Named title="New" of={onlyThen} />
        </details>
      ))}
      <p class="muted small">
        {count(looked)} subjects with a score{isComplete ? '' : ', the highest of more'}; in
        brackets what verdicts people gave. A rule over events that no rule remembers yet:{' '}
        <code>modelseal replay-rules</code>.
      </p>
    </>
  );
}

function sideText({ subjects, thieves, good }: Side): string {
  const verdicts = [thieves > 0 && `${thieves} thief`, good > 0 && `${good} good`].filter(Boolean);
  return verdicts.length > 0 ? `${count(subjects)} (${verdicts.join(', ')})` : count(subjects);
}

function Named({ title, of: { named } }: { readonly title: string; readonly of: Side }) {
  if (named.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="list">
        {named.map((key) => (
          <li key={key}>
            <SubjectLink subject={key} />
          </li>
        ))}
      </ul>
    </>
  );
}
