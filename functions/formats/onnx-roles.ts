/**
 * What the whole numbers of an ONNX model mean: an 8-bit number is a weight on a linear scale only
 * where an operator that reads it so takes it; elsewhere it may be two 4-bit weights, or an index.
 */
import { bitsOf, type FoundLayer } from './layers.ts';

export interface OnnxNode {
  op: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  /** Attributes that are one whole number. */
  readonly numbers: Map<string, number>;
}

const ONNX = '';
const MICROSOFT = 'com.microsoft';

/** Inputs that are numbers on a linear scale, by domain and operator. */
const LINEAR_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  [`${ONNX}:DequantizeLinear`, [0]],
  [`${ONNX}:QLinearConv`, [3]],
  [`${ONNX}:QLinearMatMul`, [0, 3]],
  [`${ONNX}:ConvInteger`, [1]],
  [`${ONNX}:MatMulInteger`, [0, 1]],
  [`${MICROSOFT}:DequantizeLinear`, [0]],
  [`${MICROSOFT}:QLinearConv`, [3]],
  [`${MICROSOFT}:QGemm`, [3]],
  [`${MICROSOFT}:MatMulIntegerToFloat`, [0, 1]],
  [`${MICROSOFT}:DynamicQuantizeMatMul`, [1]],
  [`${MICROSOFT}:DynamicQuantizeLSTM`, [1, 2]],
  [`${MICROSOFT}:QAttention`, [1]],
  [`${MICROSOFT}:QEmbedLayerNormalization`, [2, 3, 4]],
]);
/** Inputs of `bits` each (4 where absent), from the low bits of each byte on: ContribOperators.md. */
const PACKED_INPUTS: ReadonlyMap<string, number> = new Map([
  [`${MICROSOFT}:MatMulNBits`, 1],
  [`${MICROSOFT}:GatherBlockQuantized`, 0],
]);
const DEFAULT_BITS = 4;
const PACKED_BITS: ReadonlySet<number> = new Set([2, 4, 8]);

/** Whether the numbers are of a kind whose meaning their readers decide. */
export const isSmallWhole = ({ dtype }: FoundLayer): boolean => /^u?int[248]$/.test(dtype ?? '');

type Role = 'linear' | 'code' | number;

export class OnnxRoles {
  readonly #roles = new Map<string, Role>();

  /** Notes what this node reads its inputs as; two readers that do not agree make an input a code. */
  add({ op, domain, inputs, numbers }: OnnxNode): void {
    const key = `${domain === 'ai.onnx' ? ONNX : domain}:${op}`;
    const linear = LINEAR_INPUTS.get(key);
    const bits = numbers.get('bits') ?? DEFAULT_BITS;
    const isPlain = PACKED_BITS.has(bits) && !numbers.get('weight_prepacked');
    inputs.forEach((name, i) => {
      let role: Role = linear?.includes(i) ? 'linear' : 'code';
      if (PACKED_INPUTS.get(key) === i && isPlain) role = bits;
      const known = this.#roles.get(name);
      this.#roles.set(name, known === undefined || known === role ? role : 'code');
    });
  }

  /** The layer with the dtype that its readers give to its bits; `name` is the value that they read. */
  describe(layer: FoundLayer, name: string): FoundLayer {
    if (!isSmallWhole(layer)) return layer;
    const stored = bitsOf(layer.dtype) ?? 0;
    const role = this.#roles.get(name) ?? 'code';
    if (role === 'linear' || (role === stored && stored < 8)) return layer;
    if (role === 'code' || layer.dtype !== 'uint8') return { ...layer, dtype: `code${stored}` };
    const shape = layer.shape?.map((dimension, i, all) =>
      i === all.length - 1 ? dimension * (stored / role) : dimension,
    );
    return { ...layer, dtype: `uint${role}`, ...(shape && { shape }) };
  }
}
