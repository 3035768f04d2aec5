import {
  accountWebhook,
  batchWebhook,
  type FaultRun,
  githubWebhook,
  issueWebhook,
  sharedWebhook,
  signingSecret,
} from './fault-run.ts';
import { providerScenarios } from './provider-scenarios.ts';
import { isOfDelivery, type Scenario } from './scenario.ts';
import { syncScenarios } from './sync-scenarios.ts';

/**
 * Waits longer than the maximum delay of SQS, so dispatch wakes them. There are enough for throttled tries in between.
 */
const laterThanAQueueDelays = [1_200, 1_200, 1_200, 1_200, 1_200, 1_200];

/** Few waits between tries, but more than a fault uses up during a replay. */
const fewTries = [1, 1, 1, 1, 1];

/** As many pointers as fill a page of their readers, dispatch and drain. */
const aFullPage = 100;
/** As many parked requests as fill a page of their reader. */
const aFullPageOfRequests = 25;

/** An account and a subscriber whose endpoint the engine knows to be fast, so that deliver posts to it. */
async function knownEndpoint(run: FaultRun) {
  const account = await run.account('github');
  const subscriber = await run.subscriber();
  await run.send(githubWebhook(account, { issue: 1 }));
  await run.settle();
  return { account, subscriber };
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  /** A webhook to the URL of an account, for a new endpoint: its drain sends it. */
  webhook: {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1 }));
    },
  },

  /** A webhook of a tenant whose second endpoint refuses every connection: the first one gets it all the same. */
  shadow: {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      const mode = { delivery: 'shadow', shadow_url: 'http://127.0.0.1:1/refused' };
      const { status } = await run.call('PATCH', `/v1/tenants/${run.tenant}`, mode);
      if (status !== 200) throw new Error(`the mode was answered with ${status}`);
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1 }));
    },
  },

  /** A webhook for an endpoint that is known to be fast: deliver sends it. */
  'known-endpoint': {
    async play(run) {
      const { account } = await knownEndpoint(run);
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 2 }));
    },
  },

  /**
   * Webhooks for an endpoint whose lease an instance keeps: the second one writes nothing to its state. The last one
   * fails first, so that its result counts at once.
   */
  'kept-lease': {
    async play(run) {
      const { account, subscriber } = await knownEndpoint(run);
      await run.send(githubWebhook(account, { issue: 2 }));
      await run.settle();
      subscriber.answerWith((earlier) => (earlier === 3 ? 500 : 204));
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 3 }));
      await run.settle();
      await run.send(githubWebhook(account, { issue: 4 }));
    },
    sendsAgain: true,
  },

  /** A webhook on the shared URL of an integration. */
  'shared-url': {
    async play(run) {
      const url = await sharedUrl(run);
      const account = await run.account('intercom', { secrets: {}, context: { app_id: String(run.number) } });
      await run.subscriber();
      // Let cached settings expire, so that this run reads them.
      await run.letTimePass(10_000);
      run.faultsBegin();
      await run.send(sharedWebhook(url, account.id, run.number, 77));
    },
  },

  /**
   * A webhook on a shared URL whose accounts have their own secrets: ingress finds the account and verifies with its
   * secret.
   */
  'shared-url-of-accounts': {
    async play(run) {
      const account = await run.account('hibob', { context: { company_id: String(run.number) } });
      await run.subscriber();
      run.faultsBegin();
      await run.send(accountWebhook(account.url.replace(/\/[^/]*$/, ''), account.id, run.number, 77));
    },
  },

  /** One request that becomes several events, for two subscribers. */
  batch: {
    async play(run) {
      const account = await run.account('generic-hmac');
      await run.subscriber();
      await run.subscriber();
      run.faultsBegin();
      await run.send(batchWebhook(account, [1, 2, 3]));
    },
  },

  /** A large payload, which goes through S3 as a raw body and as an event's payload (claim check). */
  'large-payload': {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1, padding: 20_000 }));
    },
  },

  /** A provider that sends the same delivery twice. */
  duplicate: {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      const webhook = githubWebhook(account, { issue: 1, delivery: 'the-same' });
      await run.send(webhook);
      await run.send({ ...webhook, events: [] });
    },
  },

  /** A message that is sent twice: a fact, which has no state that could tell. */
  'duplicate-fact': {
    async play(run) {
      const account = await run.account('generic-hmac');
      await run.subscriber();
      run.faultsBegin();
      const webhook = batchWebhook(account, [1], 'messaging/messages');
      await run.send(webhook);
      await run.send({ ...webhook, events: [] });
    },
    isAlike: isOfDelivery,
  },

  /** Webhooks of one record that come out of order: the last of them is late. */
  'record-out-of-order': {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      const last = { minute: 3, webhooks: 3 };
      for (const minute of [1, 3, 2]) {
        await run.send(issueWebhook(account, { issue: 1, minute }, last));
        await run.settle();
      }
    },
    isAlike: isOfDelivery,
  },

  /** Webhooks of one record at the same time, which share batches or race. */
  'hot-record': {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      const last = { minute: 4, webhooks: 4 };
      await Promise.all([4, 2, 1, 3].map((minute) => run.send(issueWebhook(account, { issue: 1, minute }, last))));
    },
    isAlike: isOfDelivery,
  },

  /** A request for an account that does not exist yet is parked until it does. */
  unrouted: {
    async play(run) {
      const url = await sharedUrl(run);
      await run.subscriber();
      await run.letTimePass(10_000);
      run.faultsBegin();
      const id = `acc_later_${run.number}`;
      await run.send(sharedWebhook(url, id, run.number, 78));
      await run.settle();
      const account = { id, tenant: run.tenant, integration: 'intercom', context: { app_id: String(run.number) } };
      // An earlier try may have created the account and lost its answer. Then a change of the account routes the
      // request.
      const made = await run.call('POST', '/v1/accounts', account);
      if (made.status === 409) await run.call('PATCH', `/v1/accounts/${id}`, { context: account.context });
    },
    askedAgain: { requests: 1 },
  },

  /** Archived requests go through normalize again: nothing is lost, and no event appears twice. */
  'archive-reprocess': {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      const since = new Date(run.nowMs()).toISOString();
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1 }));
      await run.send(githubWebhook(account, { issue: 2, padding: 20_000 }));
      await run.settle();
      await run.letTimePass(1_000);
      const window = `since=${since}&until=${new Date(run.nowMs()).toISOString()}&account=${account.id}`;
      const path = `/v1/integrations/github/reprocess?${window}`;
      const counted = await run.call('POST', path);
      // A request whose acknowledgement was lost is accepted, and archived, under a second id.
      if (counted.body.found < 2 || counted.body.reprocessed !== 0)
        throw new Error(`the archive has ${JSON.stringify(counted.body)}, not 2 requests or more`);
      const sent = await run.call('POST', `${path}&dry_run=false`);
      if (sent.body.reprocessed !== counted.body.found)
        throw new Error(`${JSON.stringify(sent.body)}: not all of ${counted.body.found} requests`);
    },
    askedAgain: { requests: 2 },
  },

  /** A subscriber that fails once: the second attempt waits in the queue. */
  retry: {
    async play(run) {
      const { account, subscriber } = await knownEndpoint(run);
      subscriber.answerWith((earlier) => (earlier === 1 ? 500 : 204));
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 2 }));
    },
    sendsAgain: true,
  },

  /** A second attempt that is due later than a queue can delay it: dispatch wakes it. */
  'parked-retry': {
    async play(run) {
      const account = await run.account('github');
      const subscriber = await run.subscriber({ retry: { schedule_seconds: laterThanAQueueDelays } });
      subscriber.answerWith((earlier) => (earlier === 0 ? 500 : 204));
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1 }));
    },
    countsDispatch: true,
    sendsAgain: true,
  },

  /** An endpoint with an open circuit is probed, closes the circuit and receives its backlog. */
  'open-circuit': {
    async play(run) {
      const account = await run.account('generic-hmac');
      const subscriber = await run.subscriber({ retry: { schedule_seconds: laterThanAQueueDelays } });
      const failures = 10;
      subscriber.answerWith((earlier) => (earlier < failures ? 500 : 204));
      await run.send(batchWebhook(account, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
      await run.untilIdle();
      await run.send(batchWebhook(account, [11]));
      await run.untilIdle();
      if ((await run.endpointOf(subscriber))?.['circuit'] !== 'open') throw new Error('the circuit did not open');
      run.faultsBegin();
    },
    sendsAgain: true,
  },

  /** A replay sends all events to a subscriber again. */
  replay: {
    async play(run) {
      const { subscriber } = await knownEndpoint(run);
      // A replay covers events up to the moment of the call.
      await run.letTimePass(1_000);
      run.faultsBegin();
      const { status } = await run.call('POST', `/v1/subscriptions/${subscriber.id}/replay`, { mode: 'all' });
      if (status !== 202) throw new Error(`a replay was answered with ${status}`);
      await run.settle();
      if (subscriber.posts.length < 2) throw new Error('nothing was replayed');
    },
    sendsAgain: true,
    askedAgain: { deliveries: 1 },
  },

  /** A replay of an exhausted delivery gets as many tries as a new one, and keeps the earlier attempts. */
  'replay-exhausted': {
    async play(run) {
      const account = await run.account('github');
      const tries = 1;
      const subscriber = await run.subscriber({ retry: { schedule_seconds: [] } });
      // The first try of the replay fails too.
      subscriber.answerWith((earlier) => (earlier <= tries ? 500 : 204));
      await run.send(githubWebhook(account, { issue: 1 }));
      await run.untilIdle();
      const [before] = await run.deliveriesOf(subscriber);
      if (before?.['state'] !== 'exhausted' || before['attemptCount'] !== tries)
        throw new Error(`the delivery is ${String(before?.['state'])} after ${String(before?.['attemptCount'])} tries`);
      await run.call('PATCH', `/v1/subscriptions/${subscriber.id}`, { retry: { schedule_seconds: fewTries } });
      await run.letTimePass(1_000);
      run.faultsBegin();
      const { status } = await run.call('POST', `/v1/subscriptions/${subscriber.id}/replay`, { mode: 'failed' });
      if (status !== 202) throw new Error(`a replay was answered with ${status}`);
      await run.settle();
      const [after] = await run.deliveriesOf(subscriber);
      const attempts = (after?.['attempts'] ?? []) as readonly { readonly number: number }[];
      if (attempts.length <= tries || attempts.some(({ number }, index) => number !== index + 1))
        throw new Error(`the history is ${JSON.stringify(attempts.map(({ number }) => number))}`);
      if (Number(after?.['scheduledCount']) > attempts.length - tries)
        throw new Error(`${String(after?.['scheduledCount'])} of ${attempts.length} tries count against it`);
      if (String(after?.['firstAttemptAt']) <= String(before['firstAttemptAt']))
        throw new Error('the new schedule began with the old one');
    },
    // `replay` covers the call, and `retry` covers what follows the first try.
    isAlike: (name) => /^(api|caller|deliver)\.|\.delivery$/.test(name),
    sendsAgain: true,
    askedAgain: { deliveries: 1 },
  },

  /** Pages of expired pointers precede a delivery, first in the due index and then in the backlog. */
  'expired-pointers': {
    async play(run) {
      const account = await run.account('github');
      const subscriber = await run.subscriber({ retry: { schedule_seconds: laterThanAQueueDelays } });
      subscriber.answerWith((earlier) => (earlier === 0 ? 500 : 204));
      await run.send(githubWebhook(account, { issue: 1 }));
      await run.untilIdle();
      const [waiting] = await run.deliveriesOf(subscriber);
      if (waiting?.['waitsIn'] !== 'due-index') throw new Error(`it waits in ${String(waiting?.['waitsIn'])}`);
      const own = { id: subscriber.id, tenant: run.tenant };
      await run.leftovers.inDueIndex(own, String(waiting['event']), aFullPage);
      await run.leftovers.inBacklog(own, aFullPage);
      run.faultsBegin();
    },
    countsDispatch: true,
    sendsAgain: true,
  },

  /** A page of expired requests precedes one that waits for its account, which is created now. */
  'expired-requests': {
    async play(run) {
      const url = await sharedUrl(run);
      await run.subscriber();
      await run.letTimePass(10_000);
      const id = `acc_later_${run.number}`;
      const value = String(run.number);
      await run.send(sharedWebhook(url, id, run.number, 79));
      await run.settle();
      await run.leftovers.inParking('intercom', value, aFullPageOfRequests);
      if ((await run.parkedUnder('intercom', value)).length !== aFullPageOfRequests + 1)
        throw new Error('the request is not parked');
      run.faultsBegin();
      const account = { id, tenant: run.tenant, integration: 'intercom', context: { app_id: value } };
      const made = await run.call('POST', '/v1/accounts', account);
      if (made.status === 409) await run.call('PATCH', `/v1/accounts/${id}`, { context: account.context });
      await run.settle();
      const left = await run.parkedUnder('intercom', value);
      if (left.length > 0) throw new Error(`${left.length} requests are left waiting`);
    },
    isAlike: (name, number) =>
      // The deletions of expired requests between the first one and the waiting one.
      (name === 'api.DeleteItem.parked-requests' && number > 1 && number <= aFullPageOfRequests) ||
      // `repeated-call` covers the reads of the key, and `unrouted` covers what follows for the request.
      /^(deliver|drain|callback)\.|\.api-keys$/.test(name),
    askedAgain: { requests: 1 },
  },

  /** An ordered subscription: its drain takes the events from the feed. */
  ordered: {
    async play(run) {
      const account = await run.account('generic-hmac');
      await run.subscriber({ ordering: 'tenant' });
      run.faultsBegin();
      await run.send(batchWebhook(account, [1, 2]));
    },
  },

  /** A stream in a subscriber's AWS account, new: its drain assumes the role and sends. */
  stream: {
    async play(run) {
      const account = await run.account('github');
      await run.streamSubscriber();
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 1 }));
    },
    isAlike: isOfHttp,
  },

  /** A stream that is known to be fast: deliver assumes the role and sends. */
  'known-stream': {
    async play(run) {
      const account = await run.account('github');
      await run.streamSubscriber();
      await run.send(githubWebhook(account, { issue: 1 }));
      await run.settle();
      run.faultsBegin();
      await run.send(githubWebhook(account, { issue: 2 }));
    },
    isAlike: isOfHttp,
  },

  /** A reader that follows the feed while events arrive. */
  'feed-reader': {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      run.faultsBegin();
      for (const issue of [1, 2, 3]) {
        await run.send(githubWebhook(account, { issue }));
        await run.untilIdle();
        await run.readOn();
      }
    },
  },

  /** A consumer reads with leases and commits. A lease whose answer was lost expires by itself. */
  consumer: {
    async play(run) {
      const account = await run.account('github');
      await run.subscriber();
      const body = { name: 'reader', tenant: run.tenant, since: 'beginning' };
      await run.call('POST', '/v1/consumers', body);
      for (const issue of [1, 2, 3]) await run.send(githubWebhook(account, { issue }));
      await run.settle();
      const path = `/v1/consumers/reader`;
      const ofTenant = `?tenant=${run.tenant}`;
      const seen = new Set<string>();
      run.faultsBegin();
      for (let leases = 0; leases < 20; leases += 1) {
        const leased = await run.call('POST', `${path}/lease${ofTenant}`, { limit: 2, ttl_seconds: 5 });
        // An earlier call of this loop, whose answer was lost, holds the lease.
        if (leased.status === 409) await run.letTimePass(6_000);
        if (leased.status !== 200) continue;
        for (const { record_id: record } of leased.body.data) seen.add(record);
        const commit = { lease: leased.body.lease, cursor: leased.body.next_cursor, release: true };
        const committed = await run.call('POST', `${path}/commit${ofTenant}`, commit);
        // A commit whose answer was lost has released the lease. The next lease starts at the committed position.
        if (committed.status !== 200 && committed.status !== 409)
          throw new Error(`a commit was answered with ${committed.status}`);
        if (leased.body.caught_up === true && leased.body.data.length === 0) break;
      }
      const { body: consumer } = await run.call('GET', `${path}${ofTenant}`);
      if (seen.size !== 3 || consumer.sequence !== 3)
        throw new Error(`the consumer has seen ${seen.size} of 3 events and is at ${consumer.sequence}`);
    },
  },

  /**
   * A call with an Idempotency-Key, repeated until it is answered: one subscription, with the same secret in each
   * answer.
   */
  'repeated-call': {
    async play(run) {
      const headers = { 'idempotency-key': `create-${run.tenant}` };
      const body = { tenant: run.tenant, url: 'http://127.0.0.1:9/hooks', resources: ['none/none'] };
      // The last use of a key is recorded once a minute. Wait, so that each run records it.
      await run.letTimePass(61_000);
      run.faultsBegin();
      const once = async () => {
        for (let calls = 0; calls < 10; calls += 1) {
          const answer = await run.call('POST', '/v1/subscriptions', body, headers);
          if (answer.status === 201) return answer.body;
          if (answer.body.reason !== 'idempotency-key-in-use')
            throw new Error(`a call was answered with ${JSON.stringify(answer.body)}`);
          // The run that holds the key was killed: its lease lasts as long as a function may run.
          await run.letTimePass(31_000);
        }
        throw new Error('the call was never answered');
      };
      const first = await once();
      const again = await once();
      if (first.id !== again.id || first.secret !== again.secret || !first.secret.startsWith('whsec_'))
        throw new Error('one call got two different answers');
      const listed = await run.call('GET', `/v1/tenants/${run.tenant}/export`);
      const made = listed.body.data.filter(({ kind }: { kind: string }) => kind === 'subscription');
      if (made.length !== 1) throw new Error(`one call created ${made.length} subscriptions`);
    },
  },

  /** A secret is rotated between two callbacks: the new and the old secret both verify the second one. */
  'secret-rotation': {
    async play(run) {
      const { account, subscriber } = await knownEndpoint(run);
      run.faultsBegin();
      const path = `/v1/subscriptions/${subscriber.id}/rotate-secret`;
      const { body } = await run.call('POST', path, { overlap_seconds: 86_400 });
      await run.send(githubWebhook(account, { issue: 2 }));
      await run.settle();
      subscriber.holdAfter(1, body.secret);
    },
  },

  ...providerScenarios,
  ...syncScenarios,
};

/** `webhook` and `known-endpoint` cover the calls that do not depend on the destination. */
function isOfHttp(name: string): boolean {
  return !/\.(AssumeRole|PutRecord)\./.test(name);
}

async function sharedUrl(run: FaultRun): Promise<string> {
  const path = '/v1/integrations/intercom/settings';
  const settings = await run.call('PUT', path, { secrets: { signing_secret: signingSecret } });
  if (settings.status !== 200) throw new Error(`the settings were answered with ${settings.status}`);
  return settings.body.webhook_url;
}
