/** Every attack there is. */
import type { Attack } from './attack.ts';
import { certificateChains } from './certificate-chains.ts';
import { challenges } from './challenges.ts';
import { cloudCallers } from './cloud-callers.ts';
import { cloudConfiguration } from './cloud-configuration.ts';
import { cloudDatabase } from './cloud-database.ts';
import { connections } from './connections.ts';
import { operatorsConsole } from './console.ts';
import { deliveredBytes } from './delivered-bytes.ts';
import { deliveredGrants } from './delivered-grants.ts';
import { development } from './development.ts';
import { disclosure } from './disclosure.ts';
import { androidEnrolment } from './enrolment-android.ts';
import { iosEnrolment } from './enrolment-ios.ts';
import { events } from './events.ts';
import { forgedTokens } from './forged-tokens.ts';
import { http } from './http.ts';
import { input } from './input.ts';
import { issuedTokens } from './issued-tokens.ts';
import { leakUploads } from './leak-uploads.ts';
import { limits } from './limits.ts';
import { listings } from './listings.ts';
import { modelFiles } from './model-files.ts';
import { models } from './models.ts';
import { parsers } from './parsers.ts';
import { patches } from './patches.ts';
import { proofCounters } from './proof-counters.ts';
import { proofs } from './proofs.ts';
import { publishing } from './publishing.ts';
import { releaseOrders } from './release-orders.ts';
import { releases } from './releases.ts';
import { rotations } from './rotation.ts';
import { sealedRecords } from './sealed-records.ts';
import { storageAttacks } from './storage.ts';
import { storedCopies } from './stored-copies.ts';
import { takeover } from './takeover.ts';
import { watermarks } from './watermarks.ts';

export const ATTACKS: readonly Attack[] = [
  ...forgedTokens,
  ...issuedTokens,
  ...challenges,
  ...proofCounters,
  ...proofs,
  ...iosEnrolment,
  ...androidEnrolment,
  ...takeover,
  ...sealedRecords,
  ...rotations,
  ...certificateChains,
  ...models,
  ...publishing,
  ...releases,
  ...modelFiles,
  ...limits,
  ...listings,
  ...input,
  ...connections,
  ...http,
  ...deliveredGrants,
  ...deliveredBytes,
  ...patches,
  ...storedCopies,
  ...watermarks,
  ...storageAttacks,
  ...events,
  ...disclosure,
  ...parsers,
  ...cloudCallers,
  ...cloudConfiguration,
  ...cloudDatabase,
  ...operatorsConsole,
  ...releaseOrders,
  ...leakUploads,
  ...development,
];
