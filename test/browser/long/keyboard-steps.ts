import { expect } from 'vitest';
import { localAdminKey } from '../../../lib/local/admin-key.ts';
import type { RunningEngine } from '../../e2e/running-engine.ts';
import { type Hands, type Kind, type Names, unlike, walk } from '../a-keyboard.ts';
import type { Furnished } from '../furnish-engine.ts';

/** What the pages show. */
export interface Things {
  readonly acme: Furnished;
  /** A tenant with enough events for a replay that lasts. */
  readonly busy: { readonly subscription: string };
}

/** Somebody who uses the keyboard alone. */
export interface User {
  readonly hands: Hands;
  readonly things: Things;
  readonly running: () => RunningEngine;
  /** Check what is in the dialog that is open. */
  readonly examine: (title: string, names: Names, mayLack?: readonly Kind[]) => Promise<void>;
}

export type Step = (user: User) => Promise<void>;

/** A page of the console. */
export interface KeyboardPage {
  readonly path: (things: Things) => string;
  /** Everything on it that one can operate, besides the frame. */
  readonly names: Names;
  /** Kinds that are on the page at times only. */
  readonly mayLack?: readonly Kind[];
  /** What one does there. Each begins with the page as it is loaded. */
  readonly actions: Readonly<Record<string, Step>>;
}

/** Check a dialog: each part of it is named, is reached by Tab, shows that it has the focus, and obeys keys. */
export async function examineDialog(
  hands: Hands,
  title: string,
  names: Names,
  mayLack: readonly Kind[] = [],
): Promise<void> {
  await hands.dialog(title);
  await hands.keepsFocus(`the dialog "${title}" has opened`);
  const { stops, faults } = await walk(hands);
  expect([...faults, ...unlike(stops, names, mayLack)], `the dialog "${title}"`).toEqual([]);
}

/** What a dialog has that asks before something is done. */
export const confirm = (verb: string) => ({ button: ['Close', 'Keep it as it is', verb] });

/** Answer a dialog by one of its buttons. */
export async function confirmed({ hands, examine }: User, title: string, names: Names, verb: string): Promise<void> {
  await examine(title, names);
  await hands.push(verb);
  await hands.closed();
}

/** Give a dialog the key that it asks for, and send it. */
export async function typedKey({ hands }: User, verb: string): Promise<void> {
  await hands.type('Your API key', localAdminKey);
  await hands.push(verb);
  await hands.closed();
}

/** Push buttons that copy. Each says that it did, or that the browser does not let it. */
export function copied(...names: readonly string[]): (user: Pick<User, 'hands'>) => Promise<void> {
  return async ({ hands }) => {
    for (const name of names) {
      await hands.push(name, 'Space');
      await hands.sees(/^(Copied|The browser does not allow it)/);
      await hands.isAt('button', name);
    }
  };
}

/** Set filters, and clear them. */
export function filtered(clear: string, set: Step): Step {
  return async (user) => {
    await set(user);
    await user.hands.push(clear);
    await user.hands.keepsFocus('the filters are cleared');
    await expect.poll(() => new URL(user.hands.page.url()).search).toMatch(/^(\?tenant=acme)?$/);
  };
}
