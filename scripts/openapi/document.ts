/** The OpenAPI 3.1 document, from the schemas that validate requests and the table of functions. */
import { z } from 'zod';
import type { EndpointTable } from '../../functions/api/endpoint.ts';
import { ERRORS } from '../../functions/errors.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import type { Services } from '../../functions/services.ts';
import { ANSWERS } from './answers.ts';

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly object[];
  readonly parameters: readonly { readonly name: string }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

/** Throws where an endpoint of the public API has no description in answers.ts, or the other way round. */
export async function openApiDocument(version: string): Promise<OpenApiDocument> {
  const paths: Record<string, Record<string, Operation>> = {};
  const described = new Set<string>();
  for (const entry of FUNCTIONS) {
    if (entry.trigger.kind !== 'http') continue;
    const { endpoints } = (await entry.load()) as { endpoints: EndpointTable<Services> };
    for (const [route, endpoint] of Object.entries(endpoints)) {
      const [method = '', path = ''] = route.split(' ');
      const template = path.replaceAll(/:(\w+)/g, '{$1}');
      paths[template] = {
        ...paths[template],
        [method.toLowerCase()]: operationOf(operationId(entry.name, route), route, endpoint),
      };
      described.add(route);
    }
  }
  const unknown = Object.keys(ANSWERS).filter((route) => !described.has(route));
  if (unknown.length > 0) throw new Error(`described, but not there: ${unknown.join(', ')}`);
  return {
    openapi: '3.1.0',
    info: {
      title: 'modelseal',
      version,
      description:
        'Models for one user on one device. Decide on the `code` of a problem, never on its words.',
    },
    paths,
    components: {
      securitySchemes: {
        userToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT of a configured OpenID provider',
        },
      },
      schemas: { Problem: PROBLEM },
    },
  };
}

/** The function's name, and for one that serves several routes what tells them apart. */
function operationId(name: string, route: string): string {
  const routes = FUNCTIONS.flatMap((entry) =>
    entry.name === name && entry.trigger.kind === 'http' ? entry.trigger.routes : [],
  );
  if (routes.length === 1) return name;
  const [method = '', path = ''] = route.split(' ');
  return [
    name,
    method.toLowerCase(),
    ...path.split('/').filter((part) => /^[a-z]{2,}$/.test(part)),
  ].join('-');
}

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

function operationOf(
  name: string,
  route: string,
  endpoint: EndpointTable<Services>[string],
): Operation {
  const described = ANSWERS[route];
  if (!described) throw new Error(`no description of ${route}`);
  const { summary, clientData, status, answer } = described;
  const parameters = [...route.matchAll(/:(\w+)/g)].map(([, parameter = '']) => ({
    name: parameter,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    operationId: name,
    summary,
    ...(clientData && {
      description:
        'The device proof covers SHA-256 of the exact bytes whose base64url is `clientData`; `x-client-data` says what they hold.',
    }),
    security: endpoint.user ? [{ userToken: [] }] : [],
    parameters,
    ...(endpoint.body && {
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: jsonSchema(endpoint.body.schema, 'input'),
            ...(clientData && { 'x-client-data': jsonSchema(clientData, 'input') }),
          },
        },
      },
    }),
    responses: {
      [status]: {
        description: summary,
        ...(endpoint.nextChallenge && { headers: { 'Next-Challenge': NEXT_CHALLENGE } }),
        content: { 'application/json': { schema: jsonSchema(answer, 'output') } },
      },
      // Whoever has a user token has limits, too.
      ...(endpoint.user && { 429: TOO_MANY }),
      default: {
        description: 'A problem; docs/mobile/errors.md lists the codes.',
        content: PROBLEMS,
      },
    },
  };
}

const NEXT_CHALLENGE = {
  description: 'A challenge for one `model.grant` of this user, and the seconds that it lives.',
  schema: { type: 'string', examples: ['"AQE…";lifetime=300'] },
};

const PROBLEMS = {
  'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
};

const TOO_MANY = {
  description: '`rate_limited` or `quota_exceeded`: not before `Retry-After`.',
  headers: { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } },
  content: PROBLEMS,
};

/** RFC 9457, with our members. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { enum: Object.keys(ERRORS) },
    requestId: { type: 'string' },
    advice: { enum: ['retry', 'reattest', 'update', 'unsupported'] },
    retryAfterSeconds: { type: 'integer' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
} as const;
