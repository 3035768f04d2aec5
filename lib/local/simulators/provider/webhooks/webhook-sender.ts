import { hasWebhook } from '../../../../../lambdas/engine/definition/has-webhook.ts';
import type { Definition, WebhookDefinition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { SigningKeys } from '../../../../definitions/make-keys.ts';
import type { Sample } from '../../../../definitions/samples.ts';
import { signRequest } from '../../../../definitions/sign-request.ts';
import { demoKeys } from '../../demo-keys.ts';
import type { WebhookCounts } from '../call-counts.ts';
import { fractionOf } from '../draw-fault.ts';
import { type SampleChange, sampleOf, webhookOf } from './sample-webhook.ts';

/** How the provider sends webhooks; rates are of 100 changes. */
export interface WebhookOptions {
  /** The account's webhook URL. */
  readonly url: string;
  /** Signing secrets by name. Default: those of the demo. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly doublePercent?: number;
  readonly latePercent?: number;
  readonly losePercent?: number;
  /** The longest delay of a late webhook. @default 10 s */
  readonly lateMs?: number;
  /** The longest delay of other webhooks; delays change their order. @default 200 ms */
  readonly spreadMs?: number;
}

export interface WebhookSender {
  send(change: SampleChange): void;
  counts(): WebhookCounts;
  /** Send no more. */
  stop(): void;
}

/** Longest time for an answer. */
const timeoutMs = 10_000;

export interface WebhookSenderOptions extends WebhookOptions {
  readonly definition: Definition;
  readonly samples: readonly Sample[];
  readonly seed: string;
  readonly nowMs: () => number;
}

/**
 * Sends a webhook for each change, made from a sample of the integration and signed as the provider signs.
 *
 * @throws {TypeError} for a definition without `webhook`.
 */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { definition, samples, seed, url, spreadMs = 200, lateMs = 10_000 } = options;
  if (!hasWebhook(definition)) throw new TypeError(`the definition of ${definition.name} has no \`webhook\``);
  const keys = keysOf(definition, options.secrets);
  const counts = { sent: 0, doubled: 0, late: 0, lost: 0, refused: 0, unsent: 0 };
  const timers = new Set<NodeJS.Timeout>();
  const stopping = new AbortController();
  let place = 0;

  const post = async (change: SampleChange, sample: Sample, id: string): Promise<void> => {
    const { headers, body, method, query } = signedWebhook(definition, sample, change, keys, {
      id,
      url,
      nowMs: options.nowMs(),
    });
    counts.sent += 1;
    const target = query === '' ? url : `${url}?${query}`;
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await fetch(target, { method, headers: { ...headers }, body: new Uint8Array(body), signal });
    await response.arrayBuffer();
    if (!response.ok) counts.refused += 1;
  };
  const later = (delayMs: number, step: () => Promise<void>): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      step().catch(() => {
        if (!stopping.signal.aborted) counts.refused += 1;
      });
    }, delayMs);
    timers.add(timer);
  };
  return {
    send(change) {
      place += 1;
      const draw = (what: string) => fractionOf(`${seed} webhook ${place} ${what}`);
      const sample = sampleOf(samples, change);
      if (sample === undefined) return void (counts.unsent += 1);
      if (draw('lose') * 100 < (options.losePercent ?? 0)) return void (counts.lost += 1);
      const id = `simulated-${Math.floor(draw('id') * 2 ** 32).toString(16)}-${place}`;
      const isLate = draw('late') * 100 < (options.latePercent ?? 0);
      const delayMs = draw('delay') * (isLate ? lateMs : spreadMs) + (isLate ? spreadMs : 0);
      if (isLate) counts.late += 1;
      later(delayMs, () => post(change, sample, id));
      if (draw('double') * 100 >= (options.doublePercent ?? 0)) return;
      counts.doubled += 1;
      later(delayMs + draw('second') * spreadMs, () => post(change, sample, id));
    },
    counts: () => ({ ...counts }),
    stop() {
      stopping.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** The given secrets; without them, those of the accounts of `npm start`. */
function keysOf(definition: WebhookDefinition, secrets: Readonly<Record<string, string>> = {}): SigningKeys {
  const demo = demoKeys(definition);
  return { ...demo, secrets: { ...demo.secrets, ...secrets } };
}

function signedWebhook(
  definition: WebhookDefinition,
  sample: Sample,
  change: SampleChange,
  keys: SigningKeys,
  { id, url, nowMs }: { readonly id: string; readonly url: string; readonly nowMs: number },
) {
  const request = webhookOf(definition, sample, change, id, nowMs);
  const { pathname } = new URL(url);
  const target = request.query === '' ? url : `${url}?${request.query}`;
  return signRequest(definition, { ...request, url: target, path: pathname }, keys, nowMs);
}
