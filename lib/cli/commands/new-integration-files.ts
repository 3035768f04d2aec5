import { parseTemplate, type Source } from '../../../lambdas/engine/template/template.ts';
import { signaturePlaceholder, timestampPlaceholder } from '../../definitions/sign-request.ts';
import { type Answers, singularOf, timeVariable } from './new-integration-answers.ts';
import { apiText, exampleRecord, mapFile } from './new-integration-api.ts';

export interface WrittenSample {
  readonly headers: Record<string, string>;
  readonly query?: string;
  readonly body: Record<string, unknown>;
}

export function definitionText(name: string, answers: Answers): string {
  return [
    '# yaml-language-server: $schema=../definition.schema.json',
    `name: ${name}`,
    `title: ${quoted(answers.title)}`,
    `docs: ${quoted(answers.docs)}`,
    '',
    ...(hasWebhooks(answers) ? webhookText(answers) : []),
    ...(hasApi(answers) ? apiText(answers) : []),
  ].join('\n');
}

/** Whether the provider sends webhooks. */
export function hasWebhooks({ webhooks }: Answers): boolean {
  return webhooks === 'yes';
}

/** Whether the engine calls the provider. */
export function hasApi({ 'base-url': baseUrl }: Answers): boolean {
  return baseUrl !== '';
}

const quoted = (text: string) => JSON.stringify(text);

function webhookText(answers: Answers): readonly string[] {
  const hmac = [
    `algorithm: ${answers.algorithm}`,
    `encoding: ${answers.encoding}`,
    'key: signing_secret',
    `message: ${quoted(answers.message)}`,
    `signature: ${quoted(`{header.${answers.header}}`)}`,
    ...(answers.split === '' ? [] : [`split: ${quoted(answers.split)}`]),
    ...(answers.prefix === '' ? [] : [`prefix: ${quoted(answers.prefix)}`]),
  ];
  const freshness = [
    `timestamp: ${quoted(answers.timestamp)}`,
    `unit: ${answers['timestamp-unit']}`,
    `max_age_seconds: ${answers['max-age']}`,
    `max_ahead_seconds: ${answers['max-age']}`,
  ];
  const verify =
    answers.timestamp === ''
      ? ['    hmac:', ...indented(hmac, 6)]
      : ['    all:', '      - hmac:', ...indented(hmac, 10), '      - freshness:', ...indented(freshness, 10)];
  return [
    'secrets:',
    '  # Tell the owner of an account where to find it.',
    `  signing_secret: ${quoted(`The signing secret of the webhook (${answers.title} > Settings > Webhooks).`)}`,
    '',
    'webhook:',
    '  decode: json',
    ...(answers['timestamp-prefix'] === ''
      ? []
      : [
          '  vars:',
          `    ${timeVariable}: { from: ${quoted(`{header.${answers.header}}`)}, split: ${quoted(answers.split)}, prefix: ${quoted(answers['timestamp-prefix'])} }`,
        ]),
    '  verify:',
    ...verify,
    ...(answers['delivery-id'] === ''
      ? ['  # Where the provider names each delivery: delivery_id: "{header.X-Delivery}"']
      : [`  delivery_id: ${quoted(answers['delivery-id'])}`]),
    '',
    'mapping: mapping.jsonata',
    '',
  ];
}

function indented(lines: readonly string[], spaces: number): readonly string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}

export function mappingText(answers: Answers): string {
  const { resource } = answers;
  const record = hasApi(answers)
    ? `/* The whole record: ${mapFile(resource)} makes data of it, as of the records that calls read. */
    "record": body.data`
    : `"record_id": body.data.id,
    /* The record, in the shape of integrations/resources/${resource}.json; put other members under custom_fields. */
    "data": { "id": $string(body.data.id) }`;
  return `(
  /* The type is <record>.<verb>, for example ${singularOf(resource)}.created; other verbs make no event. */
  $verb := $split(body.type, ".")[1];

  $verb in ["created", "updated", "deleted"] ? {
    "event_type": $verb,
    "raw_event_type": body.type,
    "resource": ${JSON.stringify(resource)},
    ${record}
  }
)
`;
}

/** A request with every value that the templates read; the signer adds signature and time. */
export function sampleOf(answers: Answers): WrittenSample {
  const headers: Record<string, string> = {};
  if (answers['timestamp-prefix'] !== '')
    headers[answers.header] =
      `${answers['timestamp-prefix']}${timestampPlaceholder}${answers.split}${answers.prefix}${signaturePlaceholder}`;
  const query = new URLSearchParams();
  let body: Record<string, unknown> = {
    id: 'evt_0001',
    type: `${singularOf(answers.resource)}.created`,
    data: hasApi(answers) ? exampleRecord('1001') : { id: '1001', name: 'Ada Example' },
  };
  const [timestamp] = sourcesIn(answers.timestamp);
  for (const { source, name } of [answers.message, answers['delivery-id'], answers.timestamp].flatMap(sourcesIn)) {
    const isTimestamp = name === timestamp?.name;
    const value = isTimestamp ? timestampPlaceholder : 'example-0001';
    // The signer sets the header that holds the time.
    if (source.from === 'header' && !isTimestamp && source.name !== answers.header.toLowerCase())
      headers[name.slice('header.'.length)] = value;
    if (source.from === 'query') query.set(source.name, value);
    if (source.from === 'json') body = withMember(body, source.path, value);
  }
  const text = query.toString();
  return { headers, ...(text === '' ? {} : { query: text }), body };
}

function sourcesIn(text: string): readonly { readonly source: Source; readonly name: string }[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part) => ('source' in part ? [{ source: part.source, name: part.text }] : []));
}

/** Set a value at a path, unless the path already has one. */
function withMember(
  members: Readonly<Record<string, unknown>>,
  [key, ...rest]: readonly string[],
  value: string,
): Record<string, unknown> {
  if (key === undefined) return { ...members };
  const old = members[key];
  if (rest.length === 0) return { ...members, [key]: old ?? value };
  const inner = typeof old === 'object' && old !== null ? (old as Record<string, unknown>) : {};
  return { ...members, [key]: withMember(inner, rest, value) };
}
