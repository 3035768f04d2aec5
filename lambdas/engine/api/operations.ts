import type { OperationShape } from './operation.ts';
import { accessOperations } from './operations/access-operations.ts';
import { accountOperations } from './operations/account-operations.ts';
import { auditOperations } from './operations/audit-operations.ts';
import { catalogueOperations } from './operations/catalogue-operations.ts';
import { consumerOperations } from './operations/consumer-operations.ts';
import { deliveryOperations } from './operations/delivery-operations.ts';
import { eventOperations } from './operations/event-operations.ts';
import { portalOperations } from './operations/portal-operations.ts';
import { providerOperations } from './operations/provider-operations.ts';
import { recordOperations } from './operations/record-operations.ts';
import { replayOperations } from './operations/replay-operations.ts';
import { statisticsOperations } from './operations/statistics-operations.ts';
import { subscriptionOperations } from './operations/subscription-operations.ts';
import { syncOperations } from './operations/sync-operations.ts';
import { systemOperations } from './operations/system-operations.ts';
import { tenantOperations } from './operations/tenant-operations.ts';
import { traceOperations } from './operations/trace-operations.ts';

/** The whole API, by `operationId`. */
export const operations = {
  ...accountOperations,
  ...subscriptionOperations,
  ...deliveryOperations,
  ...traceOperations,
  ...recordOperations,
  ...providerOperations,
  ...syncOperations,
  ...replayOperations,
  ...eventOperations,
  ...consumerOperations,
  ...catalogueOperations,
  ...accessOperations,
  ...portalOperations,
  ...auditOperations,
  ...statisticsOperations,
  ...tenantOperations,
  ...systemOperations,
} as const satisfies Record<string, OperationShape>;

export type Operations = typeof operations;
export type OperationId = keyof Operations;
