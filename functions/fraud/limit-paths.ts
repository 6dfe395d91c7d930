/** Where every limit's document lies. Whoever adds a limit of a user or a device names it here, so that it is exported and erased with the rest. */

const at = (kind: 'user' | 'device' | 'model' | 'network' | 'operator', id: string): string =>
  `limits/${kind}_${id}`;

export const limitPaths = {
  userGrants: (userId: string) => at('user', userId),
  userEnrolments: (userId: string) => at('user', `${userId}_enrolments`),
  /** Of asking what is held about oneself. */
  userExports: (userId: string) => at('user', `${userId}_exports`),
  /** Of a day: grants, and different models. */
  userQuota: (userId: string) => at('user', `${userId}_quota`),
  deviceGrants: (deviceId: string) => at('device', deviceId),
  deviceRenewals: (deviceId: string) => at('device', `${deviceId}_renewals`),
  deviceReports: (deviceId: string) => at('device', `${deviceId}_reports`),
  /** Of everybody together; split over shards that are named behind it. */
  modelGrants: (modelId: string) => at('model', modelId),
  networkGrants: (network: string) => at('network', network),
  /** Of one rare model by newcomers, and of all rare models by all of them. */
  modelDemand: (modelId: string) => at('model', `${modelId}_newcomers`),
  /** Of rare models by everybody in a declared fleet. */
  networkFleet: (network: string) => at('network', `${network}_fleet`),
  /** Of one operator, by his address: what he changes in the console. */
  operatorChanges: (email: string) => at('operator', encodeURIComponent(email)),
  pool: (name: string) => `limits/campaign_${name}`,
};

/** All rate limits of a user; the quota of the day, which is more than a limit, stands by itself. */
export const userLimitPaths = (userId: string): readonly string[] => [
  limitPaths.userGrants(userId),
  limitPaths.userEnrolments(userId),
  limitPaths.userExports(userId),
];

/** All limits of a device. */
export const deviceLimitPaths = (deviceId: string): readonly string[] => [
  limitPaths.deviceGrants(deviceId),
  limitPaths.deviceRenewals(deviceId),
  limitPaths.deviceReports(deviceId),
];
