/** Copies of many devices side by side, of any size: only the weights at which they can differ are kept. */
import { type LoadedModel, markedCopy } from '../model.ts';
import { type Weights, weightsOf } from '../weights.ts';

export interface Copies {
  /** Of each copy, for each marked tensor, the values at the weights that bear marks. */
  readonly values: readonly (readonly Weights[])[];
  /** The whole tensors, with what colluders made of these values in their places. */
  put(made: readonly Weights[]): readonly Weights[];
}

/** Tensors without marks are left out: no strategy changes them. */
export function copiesOf(
  model: LoadedModel,
  traceKey: Uint8Array,
  names: readonly string[],
): Copies {
  const marked = model.plan.tensors.map(({ layer }) => layer);
  const originals = weightsOf(model.bytes, marked);
  let places: readonly Int32Array[] | undefined;
  const values = names.map((name) => {
    const weights = weightsOf(markedCopy(model, traceKey, name, 'resistant'), marked);
    // Every mark moves its weight, whichever way: the first copy shows where marks are.
    places ??= weights.map((tensor, t) => differences(tensor.values, originals[t]?.values));
    return places.map((at, t) => valuesAt(weights[t]?.values, at));
  });
  return {
    values,
    put: (made) =>
      originals.map(({ shape, values: own }, t) => {
        const all = own.slice();
        places?.[t]?.forEach((place, i) => {
          all[place] = made[t]?.values[i] as number;
        });
        return { shape, values: all };
      }),
  };
}

function differences(a: Float32Array, b: Float32Array = a): Int32Array {
  const places = new Int32Array(a.length);
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) places[count++] = i;
  return places.slice(0, count);
}

function valuesAt(all: Float32Array = new Float32Array(), places: Int32Array): Weights {
  const values = Float32Array.from(places, (place) => all[place] as number);
  return { shape: [values.length], values };
}
