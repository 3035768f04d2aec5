import { useState } from 'preact/hooks';
import { type Answer, type Body, call } from '../../engine-client.ts';
import { useAction, useList } from '../../queries.ts';
import { Badge } from '../../ui/badge.tsx';
import { Json } from '../../ui/copy.tsx';
import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Table } from '../../ui/table.tsx';
import { duration } from '../../ui/time.tsx';
import { Outcome } from '../deliveries/outcome.tsx';
import type { TabProps } from './subscription-tab.ts';

type Result = Answer<'POST /v1/subscriptions/{id}/test'>;
type TestBody = Body<'POST /v1/subscriptions/{id}/test'>;
type Simulation = NonNullable<TestBody['simulate']>;
type Post = Result['posts'][number];

interface Kind {
  readonly title: string;
  /** What it sends. */
  readonly sends: string;
}

const kinds: Readonly<Record<Simulation | 'plain', Kind>> = {
  plain: { title: 'Ordinary event', sends: 'One event. The endpoint accepts it.' },
  duplicate: {
    title: 'Duplicate',
    sends: 'The same event twice, with one webhook-id. The endpoint accepts both, and acts once.',
  },
  'out-of-order': {
    title: 'Out of order',
    sends: 'Two events of one record, the later one first. The endpoint keeps the one with the higher sequence.',
  },
  delayed: { title: 'Delayed', sends: 'An event that is 5 s older than its signature. The endpoint accepts it.' },
  burst: {
    title: 'Burst',
    sends: 'Events of 20 records at once. The endpoint accepts them, or answers 429 or 503 when they are too many.',
  },
  'bad-signature': {
    title: 'Bad signature',
    sends: 'An event that is signed with another secret. The endpoint refuses it.',
  },
  'old-timestamp': {
    title: 'Old timestamp',
    sends: 'An event with a right signature that is 10 minutes old. The endpoint refuses it: it may be a copy.',
  },
  oversized: {
    title: 'Large event',
    sends: 'An event with 1 MB of data. The endpoint accepts it, or answers 413.',
  },
};

const recordTypes = {
  '': 'One that the subscription wants',
  'record:created': 'record:created',
  'record:updated': 'record:updated',
  'record:deleted': 'record:deleted',
} as const satisfies Readonly<Record<NonNullable<TestBody['type']> | '', string>>;

const postColumns = [
  { title: 'Result', show: ({ passed }: Post) => <Verdict hasPassed={passed} /> },
  { title: 'What came', show: ({ status, error }: Post) => <Outcome status={status} error={error} /> },
  { title: 'Time', isNumber: true, show: ({ duration_ms: ms }: Post) => duration(ms) },
  { title: 'Answer', isMinor: true, show: ({ response }: Post) => <code>{response?.slice(0, 200) ?? ''}</code> },
  { title: 'Event', isMinor: true, show: ({ type, resource }: Post) => `${type} ${resource}` },
];

function Verdict({ hasPassed }: { readonly hasPassed: boolean }) {
  return hasPassed ? <Badge of="passed" tone="good" /> : <Badge of="failed" tone="bad" />;
}

interface TestResultProps {
  readonly of: Result;
  /** Of the kind of test, to tell several results apart. */
  readonly title: string;
}

function TestResult({ of: { passed, expected, posts }, title }: TestResultProps) {
  const request = posts.find((post) => post.request !== null)?.request ?? null;
  return (
    <div class="stack">
      <p role="status">
        <Verdict hasPassed={passed} /> <strong>Expected:</strong> {expected}
      </p>
      <Table
        caption={`What the endpoint answered: ${title}`}
        columns={postColumns}
        items={[...posts.entries()].map(([place, post]) => ({ ...post, place }))}
        keyOf={({ place }) => String(place)}
      />
      {request === null ? null : (
        <details>
          <summary>{posts.length === 1 ? 'What was sent' : 'What was sent first'}</summary>
          <div class="stack">
            <Json value={request.headers} label={`Headers that were sent: ${title}`} />
            <Json value={request.body} label={`Body that was sent: ${title}`} />
          </div>
        </details>
      )}
    </div>
  );
}

interface TestCaseProps {
  readonly id: string;
  readonly kind: Simulation | 'plain';
  readonly type: string;
  readonly resource: string;
}

function TestCase({ id, kind, type, resource }: TestCaseProps) {
  const { title, sends } = kinds[kind];
  const test = useAction(async (idempotencyKey, body: TestBody) =>
    call('POST /v1/subscriptions/{id}/test', { params: { id }, body, idempotencyKey }),
  );
  const body: TestBody = {
    ...(kind === 'plain' ? {} : { simulate: kind }),
    ...(type === '' ? {} : { type: type as NonNullable<TestBody['type']> }),
    ...(resource.trim() === '' ? {} : { resource: resource.trim() }),
  };
  const verb = test.isRunning ? 'Sending…' : test.data === undefined ? 'Send' : 'Send again';
  const faults = [...faultsAt(test.problem, 'resource'), ...faultsAt(test.problem, 'type')];
  return (
    <li class="test-case">
      <div class="section-head">
        <div>
          <h3>{title}</h3>
          <p class="quiet">{sends}</p>
        </div>
        <button
          type="button"
          disabled={test.isRunning}
          aria-label={`${verb}: ${title.toLowerCase()}`}
          onClick={() => void test.run(body)}
        >
          {verb}
        </button>
      </div>
      <Problem problem={test.problem} />
      {faults.map((fault) => (
        <p key={fault} class="faults">
          {fault}
        </p>
      ))}
      {test.data === undefined ? null : <TestResult of={test.data} title={title} />}
    </li>
  );
}

/** Tests of an endpoint that refuses. Queues, buses and streams take every message. */
const httpOnly: readonly (keyof typeof kinds)[] = ['bad-signature', 'old-timestamp', 'oversized'];

/** Sends invented events, ordinary and difficult ones. */
export function TestTab({ subscription }: TabProps) {
  const [type, setType] = useState('');
  const [resource, setResource] = useState('');
  const schemas = useList('GET /v1/schemas', { query: { limit: 200 } });
  const isHttp = subscription.destination.type === 'http';
  const shown = (Object.keys(kinds) as (keyof typeof kinds)[]).filter((kind) => isHttp || !httpOnly.includes(kind));
  return (
    <Section title="Test the endpoint">
      <p>
        A test sends an invented event at once, shaped and signed like every other. It is not stored, not tried again,
        and changes nothing about the health of the endpoint. It works while the subscription is disabled, too.
      </p>
      <div class="columns">
        <ChoiceField label="Event type" value={type} onChange={setType} choices={recordTypes} />
        <TextField
          label="Resource"
          value={resource}
          onChange={setResource}
          options={schemas.data?.map((schema) => schema.resource)}
          placeholder="One that the subscription wants"
        />
      </div>
      <ul class="tests">
        {shown.map((kind) => (
          <TestCase key={kind} id={subscription.id} kind={kind} type={type} resource={resource} />
        ))}
      </ul>
    </Section>
  );
}
