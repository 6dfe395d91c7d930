import type { newestLeaks } from '../../functions/operators/leak.ts';
import { signedIn } from '../../test/console/http-story.ts';
import { uploadLeak } from '../../test/support/leak-upload.ts';
import { mustBe, type Story } from '../../test/support/story.ts';
import { publish } from '../commands/publish.ts';
import { FILES, type Scene, silent } from './prologue.ts';

type Leak = Awaited<ReturnType<typeof newestLeaks>>['leaks'][number];
interface Evidence {
  readonly leak: { readonly sha256: string };
  readonly named: readonly { readonly account: object | null }[];
}

/** What becomes of a model that somebody took out of his phone's memory, and an analyst brings to the console. */
export async function tellLeak(story: Story, scene: Scene): Promise<void> {
  await story.step('A leaked model is brought to the console, and names its user', async () => {
    await publish(
      scene.services,
      FILES.selfie,
      { model: 'portrait', version: '1', tracing: 'resistant' },
      silent,
    );
    const [copy, other] = [await copyOf(scene, 'tess'), await copyOf(scene, 'tom')];
    mustBe(!copy.equals(other), 'each has a copy of her own');
    const { call } = await signedIn(scene.stack, 'analyst');
    const traced = async (bytes: Uint8Array): Promise<Leak> => {
      const id = await uploadLeak({ call }, bytes);
      mustBe((await scene.stack.runScheduled('traces')) === 200, 'the file is looked at');
      const { leaks } = (await (await call('GET', '/v1/admin/leaks')).json()) as {
        readonly leaks: readonly Leak[];
      };
      const leak = leaks.find(({ leakId }) => leakId === id);
      if (!leak?.result) throw new Error(`not traced: ${leak?.state} ${leak?.refusal}`);
      return leak;
    };
    const leak = await traced(copy);
    const { named = [], of = null, grantsTested = 0 } = leak.result ?? {};
    const user = scene.services.pseudonyms.user(scene.stack.issuer, 'tess');
    mustBe(named.length === 1 && named[0]?.user === user, "one copy is named, and it is Tess's");
    const answer = await call('GET', `/v1/admin/leaks/${leak.leakId}/evidence`);
    const evidence = (await answer.json()) as Evidence;
    mustBe(evidence.leak.sha256 === leak.sha256, 'the evidence is of that file');
    mustBe(Boolean(evidence.named[0]?.account), 'and has all that its bound was computed from');
    const innocent = await traced(scene.originals.selfie.bytes);
    mustBe(innocent.result?.named.length === 0, 'the model as it was published names nobody');
    const exponent = Math.floor(named[0]?.log10P ?? 0) + 1;
    return `${of?.model}@${of?.version}, ${grantsTested} grants tested: user_${user}, p < 1e${exponent}; the unmarked model names nobody`;
  });
}

/** What the phone of a user opens of the traced model. */
async function copyOf(scene: Scene, user: string): Promise<Buffer> {
  using model = await scene.phone(user).models.get('portrait');
  return model.withModel((bytes) => Buffer.from(bytes));
}
