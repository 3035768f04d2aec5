import { createDynamoApiKeyStore } from '../../../lambdas/adapters/dynamo/stores/api-key-store.ts';
import { createDynamoAuditLog } from '../../../lambdas/adapters/dynamo/stores/audit-log.ts';
import { systemRandomness } from '../../../lambdas/adapters/node/system-randomness.ts';
import { hashSecret, writeApiKey } from '../../../lambdas/engine/access/api-key-secret.ts';
import { auditCall } from '../../../lambdas/flows/access/audit-call.ts';
import { UnusableInput } from '../command.ts';
import { type Deployment, outputOf } from './deployment.ts';

export interface FirstKey {
  readonly id: string;
  /** Epoch milliseconds; undefined for a key that does not end. */
  readonly expiresAtMs: number | undefined;
}

export type FirstKeyOutcome = { readonly kind: 'written'; readonly key: string } | { readonly kind: 'exists' };

const secretBytes = 32;
/** As a row of the audit is kept where the deployment sets nothing else. */
const auditDays = 400;

/**
 * Write the first key of a deployment: it may do everything for all tenants. The audit has its creation, as that of
 * every other key.
 *
 * @returns `exists` where a key has the id; then nothing changes.
 * @throws {UnusableInput} for a stack without the outputs that this needs.
 */
export async function writeFirstKey(
  deployment: Deployment,
  { id, expiresAtMs }: FirstKey,
  nowMs: number,
): Promise<FirstKeyOutcome> {
  const { dynamo, bucket } = deployment;
  const output = (name: string) => {
    const value = outputOf(deployment, name);
    if (value === undefined)
      throw new UnusableInput(
        `The stack does not have one output ${name}: deploy this version first, or name the stack of one engine.`,
      );
    return value;
  };
  const keys = createDynamoApiKeyStore(dynamo, output('ApiKeysTable'));
  const audit = createDynamoAuditLog(dynamo, output('AuditTable'), bucket(output('AuditBucket')), {
    retentionDays: Number(outputOf(deployment, 'AuditRetentionDays') ?? auditDays),
  });
  if ((await keys.find(id)) !== undefined) return { kind: 'exists' };
  const secret = systemRandomness.bytes(secretBytes).toString('base64url');
  const createdAt = new Date(nowMs).toISOString();
  const key = {
    id,
    name: 'First key, of the command line',
    tenant: null,
    scopes: ['admin'] as const,
    secrets: [{ sha256: hashSecret(secret), createdAt }],
    expiresAtMs,
    ratePerMinute: undefined,
    lastUsedAt: undefined,
    createdAt,
    revision: 1,
  };
  const { secrets: _, ...after } = key;
  return auditCall(
    { audit, clock: { nowMs: () => nowMs }, randomness: systemRandomness },
    {
      operation: 'bootstrapKey',
      object: `keys/${id}`,
      tenant: null,
      actor: { key: 'command-line', token: null },
      source: { ip: null, user_agent: 'tributary bootstrap-key', request_id: `bootstrap-${nowMs}` },
      fields: ['id', ...(expiresAtMs === undefined ? [] : ['expires_at'])],
    },
    async () => {
      const isWritten = (await keys.create(key)) === 'created';
      const answer: FirstKeyOutcome = isWritten
        ? { kind: 'written', key: writeApiKey({ id, secret }) }
        : { kind: 'exists' };
      return {
        answer,
        status: isWritten ? 201 : 409,
        ...(isWritten ? { change: { object: `keys/${id}`, tenant: null, before: null, after } } : {}),
      };
    },
    { statusOf: () => 500, warn: () => undefined },
  );
}
