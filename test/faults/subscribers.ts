import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FaultKind } from './call-injector.ts';

/** One post, as the subscriber's server received it. */
export interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The status that a subscriber answers, by the number of earlier posts. */
export type AnswerWith = (earlier: number) => number;

/** A subscriber of one run. */
export interface Subscriber {
  readonly url: string;
  readonly posts: readonly Post[];
  answerWith(answer: AnswerWith): void;
}

/** The subscribers of all runs on one server, which keeps connections open like a real one. */
export interface SubscriberServer {
  /** @param strike - Decides the fault of a post to it. */
  add(name: string, strike: () => FaultKind | undefined): Subscriber;
  stop(): Promise<void>;
}

/** @param kill - Kills the function that posts. */
export async function startSubscriberServer(kill: () => void): Promise<SubscriberServer> {
  const handlers = new Map<string, (post: Post, response: ServerResponse) => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const handle = handlers.get(request.url ?? '');
      if (handle === undefined) response.writeHead(404).end();
      else handle({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') }, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    add(name, strike) {
      const posts: Post[] = [];
      let answer: AnswerWith = () => 204;
      handlers.set(`/${name}`, (post, response) => {
        const fault = strike();
        if (fault === 'failed') return response.destroy();
        if (fault === 'throttled') return response.writeHead(429, { 'retry-after': '2' }).end();
        const status = answer(posts.length);
        posts.push(post);
        if (fault === 'killed') kill();
        if (fault === undefined) return response.writeHead(status).end();
        return response.destroy();
      });
      return {
        url: `${origin}/${name}`,
        posts,
        answerWith: (next) => {
          answer = next;
        },
      };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
