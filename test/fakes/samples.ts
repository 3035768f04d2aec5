import { limits } from '../../lambdas/contracts/limits.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../lambdas/engine/event/canonical-event.ts';
import type { RecordState } from '../../lambdas/engine/records/record-state.ts';
import type { Account } from '../../lambdas/ports/accounts/account-store.ts';
import type { Subscription } from '../../lambdas/ports/delivery/subscription-store.ts';
import type { FeedConsumer } from '../../lambdas/ports/events/consumer-store.ts';
import type { EventRow } from '../../lambdas/ports/events/event-store.ts';

export function anEvent(change: Partial<UnsequencedEvent> = {}): UnsequencedEvent {
  return {
    id: 'evt_1',
    type: 'record:updated',
    timestamp: '2026-11-21T12:00:00.000Z',
    tenant: 'acme',
    account: 'acc_acme',
    integration: 'staff',
    resource: 'hris/employees',
    record_id: '123',
    origin: 'webhook',
    raw_event_type: 'employee.updated',
    schema_version: '1.0.0',
    data: { id: '123', name: 'Ada' },
    ...change,
  };
}

export function anEventRow(sequence: number, change: Partial<EventRow> = {}): EventRow {
  const { data, ...metadata } = anEvent({ id: `evt_${sequence}` });
  return {
    ...metadata,
    sequence,
    inlineData: JSON.stringify(data),
    claimKey: undefined,
    dataBytes: JSON.stringify(data).length,
    ...change,
  };
}

export function aSubscription(change: Partial<Subscription> = {}): Subscription {
  return {
    id: 'sub_1',
    tenant: 'acme',
    url: `https://${change.id ?? 'sub_1'}.example.com/hooks`,
    status: 'enabled',
    secrets: [
      {
        value: `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`,
        createdAt: '2026-11-01T00:00:00.000Z',
      },
    ],
    types: [],
    resources: [],
    integrations: [],
    accounts: [],
    endpoint: { headers: {}, timeout_seconds: 15 },
    shaping: {},
    ordering: 'none',
    concurrency: limits.endpointConcurrency,
    createdAt: '2026-11-01T00:00:00.000Z',
    revision: 1,
    ...change,
  };
}

export function aConsumer(change: Partial<FeedConsumer> = {}): FeedConsumer {
  return {
    tenant: 'acme',
    name: 'warehouse',
    filter: { types: [], resources: [], accounts: [], integrations: [], origins: [] },
    position: 0,
    lease: undefined,
    createdAt: '2026-11-21T12:00:00.000Z',
    updatedAt: '2026-11-21T12:00:00.000Z',
    revision: 1,
    ...change,
  };
}

export function anAccount(change: Partial<Account> = {}): Account {
  return {
    id: 'acc_acme',
    tenant: 'acme',
    integration: 'staff',
    secrets: { signing_secret: 'a secret of acme' },
    context: { company_id: '636192' },
    createdAt: '2026-11-01T00:00:00.000Z',
    revision: 1,
    ...change,
  };
}

/** A provider that signs with HMAC-SHA256 and sends any number of changes in one request. */
export const staff: WebhookDefinition = {
  name: 'staff',
  title: 'Staff',
  docs: 'https://staff.example.com/webhooks',
  secrets: { signing_secret: 'The secret of the webhook.' },
  webhook: {
    decode: 'json',
    vars: {},
    verify: {
      hmac: {
        algorithm: 'sha256',
        encoding: 'hex',
        key: 'signing_secret',
        message: '{body}',
        signature: '{header.X-Staff-Signature}',
      },
    },
    reply: { accepted: { status: 200 }, rejected_status: 401, rejected_body: 'problem' },
    handshakes: [
      {
        name: 'challenge',
        when: { 'query.challenge': 'yes' },
        verify: 'same',
        respond: { status: 200, headers: {}, content_type: 'text/plain', body: '{query.challenge}' },
      },
    ],
    delivery_id: '{header.X-Staff-Delivery}',
  },
  routing: {
    context_lookup_field: 'body.company ? body.company : body.changes.company',
    account_context: 'company_id',
    secrets: 'app',
  },
  mapping: `[body.changes.{
    "context": company,
    "event_type": verb,
    "raw_event_type": "employee." & verb,
    "resource": "hris/employees",
    "record_id": id,
    "data": { "id": id, "name": name }
  }]`,
};

/** The state of a record after its first event. */
export function aRecordState(change: Partial<RecordState> = {}): RecordState {
  const atMs = Date.parse('2026-11-21T12:00:00.000Z');
  return {
    n: 1,
    atMs,
    seenAtMs: atMs,
    isRead: false,
    fingerprint: 'a-fingerprint-of-a-row',
    isDeleted: false,
    changes: [
      {
        sequence: 1,
        event: 'evt_1',
        type: 'record:created',
        origin: 'webhook',
        owner: 'raw_1',
        key: 'a-key-of-one',
        takenAtMs: atMs,
      },
    ],
    drops: [],
    ...change,
  };
}
