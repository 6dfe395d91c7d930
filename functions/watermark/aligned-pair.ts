import type { MarkedTensor } from './plan.ts';
import type { ModelTensor } from './tensors.ts';

/** A tensor of the leak that was found to be one of the model's. */
export interface Pairing {
  /** Which one, counted as the model's were given. */
  readonly place: number;
  readonly leaked: ModelTensor;
  /** Pearson's, of a sample of the weights. */
  readonly correlation: number;
  /** Whether order and scales of the leak's tensor had to be restored; NaN is what it does not have. */
  readonly restored?: boolean;
}

/** The same with the model's tensor and its marks. */
export interface AlignedPair extends Omit<Pairing, 'place'> {
  readonly marked: MarkedTensor;
  readonly original: ModelTensor;
}
