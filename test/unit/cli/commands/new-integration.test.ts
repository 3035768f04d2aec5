import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { useIntegrationsFolder } from '../integrations-folder.ts';

const folder = useIntegrationsFolder();

describe('a new integration', () => {
  test.each([
    ['only a name', []],
    [
      'a signed time and a delivery id',
      [
        '--algorithm',
        'sha512',
        '--encoding',
        'base64',
        '--prefix',
        'v1=',
        '--header',
        'X-Acme',
        '--resource',
        'crm/companies',
      ]
        .concat(['--message', '{header.X-Id}.{header.X-Time}.{body}', '--timestamp', '{header.X-Time}'])
        .concat([
          '--timestamp-unit',
          'iso8601',
          '--max-age',
          '60',
          '--delivery-id',
          '{header.X-Id}',
          '--title',
          'Acme: "A"',
        ]),
    ],
    [
      'a header that holds time and signature',
      [
        '--header',
        'X-Fw-Sig',
        '--split',
        ';',
        '--prefix',
        's1=',
        '--timestamp-prefix',
        'ts=',
        '--timestamp-unit',
        'ms',
      ],
    ],
    ['a header of several signatures', ['--split', ' ', '--prefix', 'v1,']],
    [
      'parts of the body and of the query',
      ['--message', '{json.meta.at}{json.data.id}{query.v}', '--timestamp', '{json.meta.at}'],
    ],
  ])('passes its test immediately, made of %s', async (_, flags) => {
    const { exitCode, output } = await folder.run(['new', 'acme', ...flags]);
    expect(output).toContain('wrote integrations/acme/integration.yaml');
    expect(exitCode).toBe(0);
    expect(await folder.run(['validate', 'acme'])).toMatchObject({ exitCode: 0 });
    const tested = await folder.run(['test', 'acme']);
    expect(tested).toEqual({ exitCode: 0, output: expect.stringContaining('1 passed, 0 failed') });
    expect(readFileSync(folder.path('integrations/acme/integration.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: /,
    );
  });

  test('is asked for at a terminal, without options', async () => {
    const asked: string[] = [];
    const ask = (question: string, fallback: string) => {
      asked.push(question);
      return Promise.resolve(question.startsWith('Header') ? 'X-Asked' : question.startsWith('Name') ? '' : fallback);
    };
    expect(await folder.run(['new', 'asked-for'], { ask })).toMatchObject({ exitCode: 0 });
    expect(asked.length).toBeGreaterThan(5);
    const text = readFileSync(folder.path('integrations/asked-for/integration.yaml'), 'utf8');
    expect(text).toContain('{header.X-Asked}');
    expect(text).toContain('title: "Asked For"');
    asked.length = 0;
    await folder.run(['new', 'with-flags', '--title', 'Flags'], { ask });
    await folder.run(['new', 'for-programs', '--json'], { ask });
    expect(asked).toEqual([]);
  });
});

describe('a new integration with an API', () => {
  const definitionOf = () => readFileSync(folder.path('integrations/acme/integration.yaml'), 'utf8');

  test.each([
    ['and webhooks', ['--base-url', 'https://api.acme.example/v1/'], 4],
    ['only', ['--api-only'], 3],
    ['with a name and a password', ['--auth', 'basic'], 4],
    ['with a token', ['--auth', 'bearer', '--api-only', '--resource', 'crm/companies'], 3],
    [
      'with a consent, at a host that names the account',
      ['--auth', 'oauth2', '--base-url', 'https://{context.subdomain}.acme.example'],
      4,
    ],
    ['with a consent, at any host', ['--auth', 'oauth2', '--api-only', '--base-url', '{context.instance_url}/v1'], 3],
  ])('%s passes its test immediately', async (_, flags, samples) => {
    const { exitCode, output } = await folder.run(['new', 'acme', ...flags]);
    expect(output).toContain('npm run tributary -- call acme test --account <account.json>');
    expect(exitCode).toBe(0);
    expect(await folder.run(['validate', 'acme'])).toMatchObject({ exitCode: 0 });
    expect(await folder.run(['test', 'acme'])).toEqual({
      exitCode: 0,
      output: expect.stringContaining(`${samples} passed, 0 failed`),
    });
    expect(definitionOf().includes('webhook:')).toBe(!flags.includes('--api-only'));
  });

  test('has one mapping for webhooks and for calls', async () => {
    await folder.run(['new', 'acme', '--auth', 'api_key']);
    expect(readFileSync(folder.path('integrations/acme/mapping.jsonata'), 'utf8')).toContain('"record": body.data');
    expect(definitionOf()).toContain('map: employee-record.jsonata');
  });

  test('is asked for at a terminal, without questions that earlier answers make needless', async () => {
    const run = async (answers: Readonly<Record<string, string>>) => {
      folder.write('integrations/acme/x', '');
      folder.remove('integrations/acme');
      const asked: string[] = [];
      const ask = (question: string, fallback: string) => {
        asked.push(question);
        const [, answer = fallback] = Object.entries(answers).find(([start]) => question.startsWith(start)) ?? [];
        return Promise.resolve(answer);
      };
      expect(await folder.run(['new', 'acme'], { ask })).toMatchObject({ exitCode: 0 });
      return asked.map((question) => question.split(/[:,(]/)[0]);
    };
    const apiOnly = await run({
      Whether: 'no',
      'Where its API': 'https://{context.subdomain}.acme.example',
      'How calls': 'bearer',
    });
    expect(apiOnly).not.toContain('Header with the signature');
    expect(apiOnly).toContain('How calls authenticate');
    expect(definitionOf()).toContain(
      'subdomain: "The subdomain of the account at Acme, as in https://<subdomain>.acme.example."',
    );
    expect(definitionOf()).toContain('bearer:');
    const webhooksOnly = await run({});
    expect(webhooksOnly).toContain('Header with the signature');
    expect(webhooksOnly).not.toContain('How calls authenticate');
  });
});

test.each([
  ['a line break', String.raw`{header.X-Time}\n{body}`, '{header.X-Time}\n{body}'],
  ['a tab and a backslash', String.raw`a\t\\n{body}`, 'a\t\\n{body}'],
])('reads the escape of %s in the signed message', async (_, message, meant) => {
  expect(await folder.run(['new', 'acme', '--message', message])).toMatchObject({ exitCode: 0 });
  const text = readFileSync(folder.path('integrations/acme/integration.yaml'), 'utf8');
  expect(text).toContain(`message: ${JSON.stringify(meant)}\n`);
  expect(await folder.run(['test', 'acme'])).toMatchObject({ exitCode: 0 });
});

test('checks each answer immediately, explains its fault and asks again', async () => {
  const asked: string[] = [];
  const ask = (question: string, fallback: string) => {
    asked.push(question);
    const isRefused = question.startsWith('got ');
    if (question.includes('HMAC algorithm')) return Promise.resolve(isRefused ? 'sha512' : 'sha511');
    if (question.includes('Signed message')) return Promise.resolve(isRefused ? '{body}' : '{body');
    return Promise.resolve(fallback);
  };
  expect(await folder.run(['new', 'asked-for'], { ask })).toMatchObject({ exitCode: 0 });
  expect(asked.filter((question) => question.startsWith('got '))).toEqual([
    expect.stringMatching(/^got "sha511", expected one of sha1, sha256, sha512; did you mean "sha512"\?\nHMAC/),
    expect.stringMatching(/^got "\{body", a "\{" without "\}" at character 1/),
  ]);
});

test('fails when an answer stays invalid', async () => {
  const ask = () => Promise.resolve('{body');
  expect(await folder.run(['new', 'asked-for'], { ask })).toMatchObject({ exitCode: 2 });
  expect(existsSync(folder.path('integrations/asked-for'))).toBe(false);
});

test('fails when the folder already exists, and does not change it', async () => {
  folder.write('integrations/acme/notes.txt', 'mine');
  expect(await folder.run(['new', 'acme'])).toEqual({
    exitCode: 2,
    output: 'integrations/acme already exists; nothing was written.\n',
  });
  expect(existsSync(folder.path('integrations/acme/integration.yaml'))).toBe(false);
});

test.each([
  ['the name is malformed', ['Acme'], 'expected lower-case'],
  ['the name leads elsewhere', ['../acme'], 'expected lower-case'],
  [
    'the algorithm is unknown',
    ['acme', '--algorithm', 'md5'],
    '--algorithm: got "md5", expected one of sha1, sha256, sha512',
  ],
  ['the message is not a template', ['acme', '--message', '{bdy}'], '{bdy}'],
  ['the age is malformed', ['acme', '--max-age', '5m'], '--max-age: got "5m", expected a number of seconds'],
  ['the page is malformed', ['acme', '--docs', 'acme'], '--docs: got "acme", expected an https URL'],
  ['a part of a header has no separator', ['acme', '--timestamp-prefix', 't='], 'without --split'],
  ['two are wrong', ['acme', '--encoding', 'hexx', '--max-age', '0'], 'did you mean "hex"?\n--max-age: got "0"'],
  [
    'the kind of credentials is unknown',
    ['acme', '--auth', 'basc'],
    'expected one of api_key, basic, bearer, oauth2; did you mean "basic"?',
  ],
  [
    'the base URL is none',
    ['acme', '--base-url', 'api.acme.example'],
    '--base-url: got "api.acme.example", expected https://…',
  ],
  ['the base URL reads a record', ['acme', '--base-url', 'https://{id}.acme.example'], 'expected https://…'],
  ['there is neither webhook nor API', ['acme', '--api-only', '--base-url', ''], '--base-url: got "" with --api-only'],
  [
    'an option of webhooks is for none',
    ['acme', '--api-only', '--header', 'X-Acme'],
    '--header has no meaning with --api-only',
  ],
  ['the resource is malformed', ['acme', '--resource', 'employees'], 'expected <model>/<plural>'],
])('fails when %s, and writes nothing', async (_, argv, message) => {
  const { exitCode, output } = await folder.run(['new', ...argv]);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
  expect(existsSync(folder.path('integrations/acme'))).toBe(false);
});
