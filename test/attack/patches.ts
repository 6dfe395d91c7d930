/** What can be done with patches of the copy that a device holds. */
import type * as patch from '../../functions/protocol/patch.ts';
import type * as recipes from '../../functions/protocol/recipe.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { grantData, postGrant, withPixel } from './requests.ts';

const HELD = 'functions/grants/held-copy.ts';

export const patches: readonly Attack[] = [
  {
    name: 'patch/base-of-another',
    tries: 'another user’s grant named as base: the patch would tell where his copy’s marks are',
    refused: 'the whole comes',
    defence: 'the service’s own record says whose copy it is',
    off: {
      edits: [
        edit(HELD, 'grant.user === caller.userId &&', ''),
        edit(HELD, 'grant.device === caller.deviceId &&', ''),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      await api.publish('smile', Buffer.alloc(2_000, 'model bytes '), {
        format: 'opaque',
        version: '2.0.0',
      });
      const [alice, mallory] = [await withPixel(api, 'alice'), await withPixel(api, 'mallory')];
      const of = await postGrant(alice, await grantData(alice, { version: '1.0.0' }));
      const { grantId: base } = (await of.json()) as { grantId: string };
      const answer = await postGrant(mallory, await grantData(mallory, { base }));
      const granted = (await answer.json()) as { grantId?: string; base?: string };
      if (granted.grantId === undefined) return `status ${answer.status}`;
      return granted.base === undefined ? 'the whole comes' : SUCCEEDED;
    },
  },
  {
    name: 'patch/bomb',
    tries: 'a patch whose first cell says that it holds four gigabytes',
    refused: 'no recipe is so long',
    defence:
      'a recipe is at most 16 bytes longer than its chunk, and the base is read once, forwards',
    off: {
      edits: [
        edit(
          'functions/protocol/patch.ts',
          'length === 0 || length > chunkBytes + RECIPE_OVERHEAD_BYTES ? null : length',
          'length',
        ),
      ],
    },
    async run(lab) {
      const { recipeBytes } = await lab.load<typeof patch>('functions/protocol/patch.ts');
      const length = recipeBytes(new Uint8Array(16).fill(255), 1 << 20);
      return length === null ? 'no recipe is so long' : SUCCEEDED;
    },
  },
  {
    name: 'patch/behind-the-base',
    tries: 'a recipe that copies what lies behind the base',
    refused: 'patch-malformed',
    defence: 'steps stay within the base and make exactly their chunk',
    off: {
      edits: [
        edit(
          'functions/protocol/recipe.ts',
          "if (from + length > baseBytes) throw malformed('bytes behind the base');",
        ),
      ],
    },
    async run(lab) {
      const { readRecipe } = await lab.load<typeof recipes>('functions/protocol/recipe.ts');
      // Pass over 90 bytes of a base of 100, and take 64.
      const recipe = Uint8Array.from([90, 64, 0]);
      return outcomeOf((async () => readRecipe(recipe, new Uint8Array(64), 0, 100))());
    },
  },
];
