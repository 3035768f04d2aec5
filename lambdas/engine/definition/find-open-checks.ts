import { authoringOf } from '../verification/check-authoring.ts';
import { checkIn, type VerifySpec } from '../verification/check-tree.ts';
import type { WebhookDefinition } from './schema.ts';

/** A part of a definition that would accept a request from anyone. */
export interface OpenCheck {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Find checks that anyone can pass, and outbound calls that anyone can trigger. */
export function findOpenChecks({ webhook }: Pick<WebhookDefinition, 'webhook'>): readonly OpenCheck[] {
  const found: OpenCheck[] = [];
  if (!authenticates(webhook.verify))
    found.push({
      path: ['webhook', 'verify'],
      message: 'got checks that anyone can pass, expected one that needs a secret or a key',
    });
  for (const [index, { verify, token, capture, confirm }] of webhook.handshakes.entries()) {
    const path = ['webhook', 'handshakes', index];
    if (typeof verify === 'object' && !authenticates(verify))
      found.push({
        path: [...path, 'verify'],
        message:
          'got checks that anyone can pass, expected one that needs a secret or a key, or `none` to verify nothing',
      });
    const isOpen = verify === 'none' && token === undefined && capture === undefined;
    if (isOpen && confirm !== undefined)
      found.push({
        path: [...path, 'confirm'],
        message:
          'got a call that anyone can trigger, expected a handshake that is verified, carries a token or brings a secret',
      });
  }
  return found;
}

/** Whether every request that passes proves that its sender holds a secret or a key. */
function authenticates(node: VerifySpec): boolean {
  const check = checkIn(node);
  if (check !== undefined) return authoringOf(check.name).authenticates?.(check.spec) ?? true;
  if (node.all !== undefined) return node.all.some(authenticates);
  if (node.any !== undefined) return node.any.every(authenticates);
  if (node.cases !== undefined) return node.cases.every(({ verify }) => authenticates(verify));
  return node.each === undefined || authenticates(node.each.verify);
}
