/** `POST /v1/challenges`: a nonce for one device proof. Writes nothing: a challenge is a MAC'd token. */
import { z } from 'zod';
import type { Emit } from '../fraud/event-delivery.ts';
import { CHALLENGE_PURPOSES, type Challenges } from '../identity/challenge.ts';
import { type EndpointTable, endpoint } from './endpoint.ts';

interface ChallengeServices {
  readonly challenges: Pick<Challenges, 'issue'>;
  readonly emit: Emit;
}

export const endpoints: EndpointTable<ChallengeServices> = {
  'POST /v1/challenges': endpoint({
    user: true,
    body: z.strictObject({ purpose: z.enum(CHALLENGE_PURPOSES) }),
    async handle({ body, userId, network, now }, services: ChallengeServices) {
      const { challenge, expiresAt } = services.challenges.issue(userId, body.purpose, now);
      await services.emit(
        {
          type: 'challenge.issued',
          authenticated: 'user',
          user: userId,
          network,
          attributes: { purpose: body.purpose },
        },
        now,
      );
      return { status: 201, body: { challenge, expiresAt: expiresAt.toISOString() } };
    },
  }),
};
