import type { recordOperations } from '../../../engine/api/operations/record-operations.ts';
import type { ApiPorts } from '../api-ports.ts';
import type { Handlers } from '../pipeline/api-call.ts';
import { notFound } from '../pipeline/principal.ts';
import { recordStateView } from '../views/record-state-view.ts';
import { findAccount } from './accounts.ts';

/** What the engine knows about single records. */
export function recordHandlers(ports: ApiPorts): Handlers<keyof typeof recordOperations> {
  return {
    async getRecordState(call) {
      const account = await findAccount(ports, call);
      const { model = '', plural = '', record_id: recordId = '' } = call.params;
      const resource = `${model}/${plural}`;
      const { tenant, id, createdAt: incarnation } = account;
      const [stored] = await ports.records.getMany([{ tenant, account: id, incarnation, resource, recordId }]);
      if (stored?.state === undefined) throw notFound('record');
      return { status: 200, body: recordStateView(id, { resource, recordId, state: stored.state }) };
    },
  };
}
