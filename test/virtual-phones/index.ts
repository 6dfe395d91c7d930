/** `@modelseal/client/testing`: phones in software, which only a local stack believes. */

export { developmentPhone } from './development-phone.ts';
export { VirtualPlayIntegrity } from './play-integrity.ts';
export { createTestRoots, loadTestRoots, type TestRoots } from './test-roots.ts';
export { virtualIphone } from './virtual-iphone.ts';
export { ROOTED, virtualPixel } from './virtual-pixel.ts';
