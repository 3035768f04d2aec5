import { readFileSync } from 'node:fs';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import type { SigningKeys } from '../../definitions/make-keys.ts';
import { signRequest } from '../../definitions/sign-request.ts';
import { demoKeys } from '../../local/simulators/demo-keys.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  textOption,
  textOptions,
  UnusableInput,
} from '../command.ts';
import { localEngine, unreachable } from '../engine/engine-address.ts';
import { loadSample, loadWebhookDefinition } from '../explain/load-integration.ts';
import { suggestion } from '../explain/nearest-name.ts';

export const triggerCommand: Command = {
  name: 'trigger',
  positionals: ['<integration>', '<sample>'],
  definitions: 'read',
  summary: 'sign a sample as the provider would and send it to the local engine or a deployed URL',
  help: [
    `--url <webhook url>     the target (default: the demo account of ${localEngine}, which npm start runs)`,
    '--secret <name>=<value>  a signing secret, repeatable; =@<file> reads it from a file (a private key in PEM)',
    'Exit status: 0 a 2xx answer, 1 another answer or none, 2 unusable input.',
  ],
  options: { url: { type: 'string' }, secret: { type: 'string', multiple: true } },
  run: triggerSample,
};

async function triggerSample(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [integration = '', sampleName = ''] = args.positionals;
  const definition = loadWebhookDefinition(ports.integrations, integration);
  const sample = loadSample(ports.integrations, integration, sampleName);
  const url = textOption(args, 'url') ?? `${localEngine}/in/${integration}/acc_demo_${integration}`;
  const keys = readKeys(definition, textOptions(args, 'secret'));
  const request = sign(definition, addressed(sample.request, url), keys, ports.nowMs());

  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  let response: Response;
  try {
    response = await ports.fetch(request.url, {
      method: request.method,
      headers: { ...request.headers },
      redirect: 'manual',
      ...(hasBody ? { body: new Uint8Array(request.body) } : {}),
    });
  } catch (error) {
    const why = unreachable(request.url, error, textOption(args, 'url') === undefined);
    return { exitCode: 1, output: present(args, { error: why }, [why]) };
  }
  const { status } = response;
  const body = await response.text();
  return {
    exitCode: response.ok ? 0 : 1,
    output: present(args, { url: request.url, status, headers: Object.fromEntries(response.headers), body }, [
      `${request.method} ${request.url}`,
      `answered ${status}${body === '' ? '' : ` ${body}`}`,
    ]),
  };
}

/** The sample, addressed to a URL; its query is appended to the URL's query. */
function addressed(request: WebhookRequest, target: string): WebhookRequest {
  if (!/^https?:/i.test(target) || !URL.canParse(target))
    throw new UnusableInput(`--url: got "${target}", expected an absolute http or https URL.`);
  const [base = '', ownQuery = ''] = target.split('#', 1)[0]?.split('?', 2) ?? [];
  const query = [ownQuery, request.query].filter((text) => text !== '').join('&');
  return { ...request, url: query === '' ? base : `${base}?${query}`, path: new URL(base).pathname, query };
}

/** The given secrets, or those of the demo's accounts. */
function readKeys(definition: WebhookDefinition, given: readonly string[]): Required<SigningKeys> {
  const names = Object.keys(definition.secrets);
  const keys = demoKeys(definition);
  const secrets: Record<string, string> = { ...keys.secrets };
  const privateKeys: Record<string, string> = { ...keys.privateKeys };
  for (const text of given) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (!names.includes(name))
      throw new UnusableInput(
        `--secret: "${definition.name}" declares no secret "${name}"; it declares ${names.join(', ') || 'none'}.${suggestion(name, names)}`,
      );
    const read = value.startsWith('@') ? readSecret(value.slice(1)) : value;
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(read)) privateKeys[name] = read;
    else secrets[name] = read;
  }
  return { secrets, privateKeys };
}

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UnusableInput(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`);
  }
}

function sign(
  definition: WebhookDefinition,
  request: WebhookRequest,
  keys: Required<SigningKeys>,
  nowMs: number,
): WebhookRequest {
  try {
    return signRequest(definition, request, keys, nowMs);
  } catch (error) {
    const isKey = (error as NodeJS.ErrnoException).code?.startsWith('ERR_OSSL') === true;
    throw new UnusableInput(
      isKey
        ? 'The provider signs with a private key: pass one with --secret <name>=@<file>, and set its public key in the account.'
        : `The sample cannot be signed: ${(error as Error).message}`,
    );
  }
}
