/** What publishers order of a release, and what became of it. */
import { api, type Models } from '../api.ts';
import type { Change } from '../parts/act-form.tsx';
import { Table } from '../parts/table.tsx';
import { Tag, type TagKind, When } from '../parts/text.tsx';
import { newId } from '../upload.ts';

type OrderView = Models['models'][number]['orders'][number];
type Act = OrderView['act'];

interface Wanted {
  readonly act: Act;
  readonly modelId: string;
  /** Of a roll-back, null for what devices in no rollout have. */
  readonly version: string | null;
  /** Of the release record that is shown. */
  readonly serial: number;
}

export type Order = (wanted: Wanted) => void;

const WORDS: Readonly<Record<Act, { readonly title: string; readonly consequence: string }>> = {
  pause: { title: 'Pause', consequence: 'The share stands as it is, and its steps wait.' },
  resume: {
    title: 'Resume',
    consequence: 'The rollout goes on. Its steps come as much later as it stood still.',
  },
  halt: {
    title: 'Halt',
    consequence:
      'Nobody gets the version any more. Who has it gets what all others have when his app asks next.',
  },
  rollBack: { title: 'Roll back', consequence: 'All rollouts of the model end.' },
};

/** The dialog of an order. Pressed twice, it is one order. */
export function orderChange({ act, modelId, version, serial }: Wanted): Change {
  const orderId = newId('o');
  const { title, consequence } = WORDS[act];
  const isForAll = act === 'rollBack' && version !== null;
  return {
    title: `${title} ${modelId}${version === null ? '' : ` ${version}`}`,
    consequence: isForAll ? `All devices get version ${version}. ${consequence}` : consequence,
    button: title,
    isDangerous: act === 'halt' || act === 'rollBack',
    needsStepUp: true,
    carryOut: ({ reason }) =>
      api.post(`models/${encodeURIComponent(modelId)}/orders`, {
        ...{ orderId, act, version, serial, reason },
      }),
  };
}

const STATES: Readonly<Record<OrderView['state'], readonly [kind: TagKind, word: string]>> = {
  waiting: ['warn', 'Waiting'],
  done: ['good', 'Done'],
  refused: ['bad', 'Refused'],
  lapsed: ['bad', 'Not carried out in time'],
};

const REFUSALS: Readonly<Record<string, string>> = {
  release_moved: 'the release changed meanwhile: look again',
  no_rollout: 'there is no such rollout any more',
  not_older: 'the version is not older than what is on offer',
  model_unknown: 'there is no such version, or it is revoked',
  role_missing: 'the role was taken away',
  sign_in_again: 'the sign-in was too old',
  too_old: 'it came too late',
};

export function Orders({
  of,
  model,
}: {
  readonly of: readonly OrderView[];
  readonly model: string;
}) {
  if (of.length === 0) return null;
  return (
    <>
      <h3>Orders</h3>
      <Table
        caption={`Orders for ${model}, the newest first`}
        rows={of}
        none=""
        columns={[
          { name: 'When', cell: ({ orderedAt }) => <When at={orderedAt} short /> },
          { name: 'Who', cell: ({ by }) => by },
          {
            name: 'Order',
            cell: ({ act, version }) => (
              <>
                {WORDS[act].title} {version && <code>{version}</code>}
              </>
            ),
          },
          { name: 'State', cell: (one) => <State of={one} /> },
          { name: 'Why', cell: ({ reason }) => reason },
        ]}
      />
    </>
  );
}

function State({ of: { state, refusal } }: { readonly of: OrderView }) {
  const [kind, word] = STATES[state];
  return (
    <>
      <Tag kind={kind}>{word}</Tag>
      {refusal && <span class="muted small"> {REFUSALS[refusal] ?? refusal}</span>}
    </>
  );
}
