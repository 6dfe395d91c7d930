import { traceLeak } from '../../functions/grants/trace-leak.ts';
import { mustBe, type Story } from '../../test/support/story.ts';
import { publish } from '../commands/publish.ts';
import { FILES, type Scene, silent } from './prologue.ts';

/** What becomes of a model that somebody took out of his phone's memory. */
export async function tellLeak(story: Story, scene: Scene): Promise<void> {
  await story.step('A leaked model names its grant', async () => {
    await publish(
      scene.services,
      FILES.selfie,
      { model: 'portrait', version: '1', tracing: 'resistant' },
      silent,
    );
    const [copy, other] = [await copyOf(scene, 'tess'), await copyOf(scene, 'tom')];
    mustBe(!copy.bytes.equals(other.bytes), 'each has a copy of her own');
    const { named, tested } = await traceLeak(scene.services, copy.bytes);
    mustBe(named.length === 1, 'one copy is named');
    mustBe(named[0]?.records[0]?.grantId === copy.grantId, "it is Tess's");
    mustBe(
      named[0].records[0]?.user === scene.services.pseudonyms.user(scene.stack.issuer, 'tess'),
      'and on record as hers',
    );
    const innocent = await traceLeak(scene.services, scene.originals.selfie.bytes);
    mustBe(innocent.named.length === 0, 'the model as it was published names nobody');
    const exponent = Math.floor(named[0].log10P);
    return `${copy.grantId} of ${tested}, p < 1e${exponent + 1}; the unmarked model names nobody`;
  });
}

/** What the phone of a user opens of the traced model. */
async function copyOf(scene: Scene, user: string) {
  using model = await scene.phone(user).models.get('portrait');
  const { grantId } = model.tokens.licence;
  return { grantId, bytes: await model.withModel((bytes) => Buffer.from(bytes)) };
}
