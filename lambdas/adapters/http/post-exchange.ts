import type { Dispatcher } from 'undici';
import type { LateAnswer } from '../../ports/delivery/callback-client.ts';

export interface ExchangeOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Time for the whole call. */
  readonly timeoutMs: number;
  readonly late?: LateAnswer | undefined;
  /** Most bytes of the answer's body to read. */
  readonly maxBodyBytes: number;
  /** Time for the body, once the status is known; within `timeoutMs`. */
  readonly maxReadingMs: number;
}

export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly body: Buffer;
      /** Whether the body ended within its limits. */
      readonly isWhole: boolean;
    }
  /** No status arrived within the time. */
  | { readonly kind: 'timed-out' }
  /** The caller did not want to wait for a late answer. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'failed'; readonly error: Error };

/**
 * Post, and read the beginning of the answer. The status alone decides the outcome, so a body that is too large, too
 * slow or cut off is no error. Never throws.
 *
 * It takes the pieces of the answer as undici reads them: its `request` makes a stream and two abort signals for each
 * call, which take half of the CPU of a post.
 */
export function exchange(dispatcher: Dispatcher, options: ExchangeOptions): Promise<Exchange> {
  return new Promise((settle) => {
    const running = new RunningExchange(options, settle);
    const { url, headers, body } = options;
    dispatcher.dispatch({ method: 'POST', path: `${url.pathname}${url.search}`, headers, body }, running);
  });
}

/** A header that an answer repeats is a list; undici's types for handlers, which are Node's, do not say so. */
type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

class RunningExchange implements Dispatcher.DispatchHandler {
  private readonly options: ExchangeOptions;
  private readonly settle: (exchange: Exchange) => void;
  private readonly chunks: Buffer[] = [];
  private readonly deadline: NodeJS.Timeout;
  private readonly lateness: NodeJS.Timeout | undefined;
  private reading: NodeJS.Timeout | undefined;
  private controller: Dispatcher.DispatchController | undefined;
  private head: { readonly status: number; readonly retryAfter: string | undefined } | undefined;
  private sizeBytes = 0;
  private isSettled = false;

  constructor(options: ExchangeOptions, settle: (exchange: Exchange) => void) {
    this.options = options;
    this.settle = settle;
    this.deadline = setTimeout(() => this.cut({ kind: 'timed-out' }), options.timeoutMs);
    const { late } = options;
    if (late !== undefined) this.lateness = setTimeout(() => void this.askWhetherToWait(late), late.afterMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // It waited for a connection for too long.
    if (this.isSettled) controller.abort(cutOff);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    // A provisional answer (1xx) comes before the answer.
    if (status < 200) return;
    const retryAfter = headers['retry-after'];
    this.head = { status, retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter };
    clearTimeout(this.lateness);
    this.reading = setTimeout(() => this.cut(), this.options.maxReadingMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
    this.sizeBytes += chunk.byteLength;
    if (this.sizeBytes > this.options.maxBodyBytes) this.cut();
  }

  onResponseEnd(): void {
    this.end(this.answer(true));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.end(this.answer(false) ?? { kind: 'failed', error });
  }

  private async askWhetherToWait(late: LateAnswer): Promise<void> {
    const waitsOn = await late.waitsOn().catch(() => false);
    if (!waitsOn && this.head === undefined) this.cut({ kind: 'given-up' });
  }

  private answer(isWhole: boolean): Exchange | undefined {
    if (this.head === undefined) return undefined;
    const body = Buffer.concat(this.chunks).subarray(0, this.options.maxBodyBytes);
    return { kind: 'answered', ...this.head, body, isWhole };
  }

  /** End with what has arrived, and the connection with it. */
  private cut(without?: Exchange): void {
    this.end(this.answer(false) ?? without);
    this.controller?.abort(cutOff);
  }

  private end(exchange: Exchange | undefined): void {
    if (this.isSettled || exchange === undefined) return;
    this.isSettled = true;
    clearTimeout(this.deadline);
    clearTimeout(this.lateness);
    clearTimeout(this.reading);
    this.settle(exchange);
  }
}

const cutOff = new Error('The call is over: no more of its answer is read.');
