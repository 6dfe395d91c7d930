import { type Attack, SUCCEEDED } from './attack.ts';
import { inLab } from './lab.ts';

export interface Trial {
  readonly name: string;
  /** `refused`: as it must be. `otherwise`: refused, but not by what was expected. */
  readonly result: 'refused' | 'otherwise' | 'succeeded' | 'broken';
  /** How the attempt ended. */
  readonly outcome: string;
  /** Whether it succeeds once its defence is gone; absent where that was not tried. */
  readonly proven?: boolean;
  /** How the attempt without the defence ended. */
  readonly withoutDefence?: string;
}

/** Tries an attack, and with `prove` also without its defence. */
export async function tryAttack(attack: Attack, prove: boolean): Promise<Trial> {
  const { name } = attack;
  const outcome = await attempt(attack, {});
  const trial = { name, outcome, result: resultOf(attack, outcome) };
  if (!prove) return trial;
  const withoutDefence = await attempt(attack, attack.off);
  return { ...trial, withoutDefence, proven: withoutDefence === SUCCEEDED };
}

const BROKEN = 'broken: ';

async function attempt({ run }: Attack, off: Attack['off']): Promise<string> {
  try {
    return await inLab(off, run);
  } catch (error) {
    return BROKEN + (error instanceof Error ? `${error.message}\n${error.stack}` : String(error));
  }
}

function resultOf({ refused }: Attack, outcome: string): Trial['result'] {
  if (outcome === SUCCEEDED) return 'succeeded';
  if (outcome.startsWith(BROKEN)) return 'broken';
  return outcome === refused ? 'refused' : 'otherwise';
}
