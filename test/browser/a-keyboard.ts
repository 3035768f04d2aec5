import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** What one can operate. */
export type Kind = 'link' | 'button' | 'disclosure' | 'choice' | 'check' | 'field' | 'region';

/** A place where Tab stops. */
export interface Stop {
  /** The same for the same element. 0 for the page itself, where nothing has the focus. */
  readonly id: number;
  readonly kind: Kind;
  readonly name: string;
  readonly isDisabled: boolean;
  /** Whether a disclosure is open, or a toggle is pressed. */
  readonly isOpen: boolean;
  readonly value: string;
  /** Whether the element is a filter, which changes what the page shows. */
  readonly isFilter: boolean;
  /** Why one does not see that it has the focus; empty if one does. */
  readonly unseen: string;
}

/** Runs in the page. It reads what is there, and never moves the focus. */
const script = `(() => {
  const ids = new WeakMap();
  let last = 0;
  const idOf = (element) => ids.get(element) ?? (ids.set(element, (last += 1)), last);
  const kindOf = (element) => {
    const tag = element.tagName;
    if (tag === 'A') return 'link';
    if (tag === 'BUTTON') return 'button';
    if (tag === 'SUMMARY') return 'disclosure';
    if (tag === 'SELECT') return 'choice';
    if (tag === 'INPUT' && element.type === 'checkbox') return 'check';
    return tag === 'INPUT' || tag === 'TEXTAREA' ? 'field' : 'region';
  };
  const textOf = (label) => (label.querySelector('span, select') === null ? label.textContent : label.firstElementChild.textContent);
  const nameOf = (element) =>
    (element.getAttribute('aria-label') ?? ([...(element.labels ?? [])].map(textOf).join(' ') || element.textContent))
      .replace(/\\s+/g, ' ').trim().slice(0, 160);
  const rgb = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [r, g, b] = rgb(color).map((one) => { const c = one / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const groundOf = (element) => {
    for (let one = element; one !== null; one = one.parentElement) {
      const { backgroundColor } = getComputedStyle(one);
      if (rgb(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const unseenOf = (element) => {
    const { outlineStyle, outlineWidth, outlineColor, outlineOffset } = getComputedStyle(element);
    const width = parseFloat(outlineWidth);
    if (outlineStyle === 'none' || width < 1) return 'it has no ring';
    if (contrast(outlineColor, groundOf(element.parentElement ?? element)) < 3) return 'its ring has too little contrast';
    const box = element.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) return 'it has no size';
    const out = width + parseFloat(outlineOffset);
    const ring = [box.left - out, box.top - out, box.right + out, box.bottom + out];
    const seen = [true, true, true, true];
    for (let one = element.parentElement; one !== null; one = one.parentElement) {
      if (getComputedStyle(one).overflow === 'visible') continue;
      const clip = one.getBoundingClientRect();
      if (ring[0] < clip.left - 0.5) seen[0] = false;
      if (ring[1] < clip.top - 0.5) seen[1] = false;
      if (ring[2] > clip.right + 0.5) seen[2] = false;
      if (ring[3] > clip.bottom + 0.5) seen[3] = false;
    }
    if (seen.filter(Boolean).length < 3) return 'its ring is cut off';
    const [x, y] = [box.left + Math.min(box.width, innerWidth) / 2, box.top + Math.min(box.height, 20) / 2];
    if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) return 'it is out of sight';
    const [first] = element.getClientRects();
    const top = document.elementFromPoint(first.left + Math.min(first.width, innerWidth) / 2, first.top + Math.min(first.height, 20) / 2);
    return top === null || element.contains(top) || top.contains(element) ? '' : 'something lies over it';
  };
  const describe = (element, hasFocus) => ({
    id: idOf(element),
    kind: kindOf(element),
    name: nameOf(element),
    isDisabled: element.matches(':disabled'),
    isOpen: element.parentElement?.open === true || element.getAttribute('aria-pressed') === 'true',
    value: element.type === 'checkbox' ? String(element.checked) : (element.value ?? ''),
    isFilter: element.closest('[role=search], header.top') !== null,
    unseen: hasFocus ? unseenOf(element) : '',
  });
  const operable = 'a[href], button, input, select, textarea, summary, [tabindex="0"], [contenteditable], [onclick]';
  const scope = () => [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
  globalThis.keyboard = {
    focused: () => {
      const element = document.activeElement;
      return element === null || element === document.body ? { id: 0, kind: 'region', name: 'the page itself', isDisabled: false, isOpen: false, value: '', isFilter: false, unseen: '' } : describe(element, true);
    },
    all: () => [...scope().querySelectorAll(operable)].filter((one) => one.checkVisibility()).map((one) => describe(one, false)),
  };
})()`;

const patienceMs = 10_000;

/** Options of a choice, at most. */
const mostOptions = 20;

/** Most presses of Tab that a page may need. */
const mostStops = 400;

export interface Hands {
  readonly page: Page;
  readonly focused: () => Promise<Stop>;
  /** Press a key, such as `Enter` or `Control+k`. */
  readonly press: (key: string) => Promise<void>;
  /** Go to an element by Tab. */
  readonly to: (kind: Kind, name: string | RegExp) => Promise<Stop>;
  /** Go to a button, and press it. */
  readonly push: (name: string | RegExp, key?: 'Enter' | 'Space') => Promise<void>;
  readonly follow: (name: string | RegExp) => Promise<void>;
  /** Go to a field, and replace its text. */
  readonly type: (name: string | RegExp, text: string) => Promise<void>;
  /** Go to a choice, type the beginning of an option, and go on by arrows where another one begins like it. */
  readonly choose: (name: string | RegExp, option: string) => Promise<void>;
  /** Wait until a dialog with this title is open. */
  readonly dialog: (title: string | RegExp) => Promise<void>;
  /** Wait until no dialog is open, and the focus is where one can go on. */
  readonly closed: () => Promise<void>;
  readonly address: (wanted: RegExp) => Promise<void>;
  readonly sees: (text: string | RegExp) => Promise<void>;
  /** Fails when nothing has the focus, once the page has come to rest. */
  readonly keepsFocus: (after: string) => Promise<void>;
  /** Fails when something else than this has the focus. */
  readonly isAt: (kind: Kind, name: string | RegExp) => Promise<void>;
  /** Wait until a field has the focus because its value was refused. */
  readonly isRefused: (name: string | RegExp) => Promise<void>;
}

const fits = (wanted: string | RegExp, name: string) =>
  typeof wanted === 'string' ? name === wanted : wanted.test(name);

/** A person without a mouse. Nothing here clicks, or moves the focus by a script. */
export async function handsOn(page: Page): Promise<Hands> {
  await page.addInitScript(script);
  const focused = () => page.evaluate<Stop>('keyboard.focused()');
  const press = (key: string) => page.keyboard.press(key);
  const to = async (kind: Kind, name: string | RegExp) => {
    const seen: string[] = [];
    // A page that still loads has fewer stops.
    const endMs = performance.now() + patienceMs;
    for (let presses = 0; presses < mostStops || performance.now() < endMs; presses += 1) {
      const stop = await focused();
      if (stop.kind === kind && fits(name, stop.name)) return stop;
      seen.push(stop.name);
      await press('Tab');
    }
    throw new Error(`Tab does not reach the ${kind} ${name}; it stops at ${[...new Set(seen)].join(' | ')}`);
  };
  const hands: Hands = {
    page,
    focused,
    press,
    to,
    async push(name, key = 'Enter') {
      await to('button', name);
      await press(key);
    },
    async follow(name) {
      await to('link', name);
      await press('Enter');
    },
    async type(name, text) {
      await to('field', name);
      await press('Control+a');
      await page.keyboard.type(text);
    },
    async choose(name, option) {
      await to('choice', name);
      await page.keyboard.type(option);
      const seen: string[] = [];
      while (seen.length < mostOptions) {
        const chosen = await page.evaluate<string>('document.activeElement.selectedOptions?.[0]?.label ?? ""');
        if (chosen.startsWith(option)) return;
        seen.push(chosen);
        await press('ArrowDown');
      }
      throw new Error(`keys do not reach the option ${option}; they reach ${seen.join(' | ')}`);
    },
    dialog: (title) => page.getByRole('dialog', { name: title }).last().waitFor(),
    async closed() {
      await page.getByRole('dialog').first().waitFor({ state: 'detached' });
      await hands.keepsFocus('the dialog');
    },
    address: async (wanted) => {
      await expect.poll(() => page.url(), { timeout: patienceMs }).toMatch(wanted);
    },
    sees: (text) => page.getByText(text).first().waitFor(),
    async keepsFocus(after) {
      await expect
        .poll(async () => (await focused()).id, { message: `the focus is lost after ${after}`, timeout: patienceMs })
        .not.toBe(0);
    },
    async isAt(kind, name) {
      await expect
        .poll(
          async () => {
            const stop = await focused();
            return stop.kind === kind && fits(name, stop.name) ? 'there' : `${stop.kind} ${stop.name}`;
          },
          { timeout: patienceMs },
        )
        .toBe('there');
    },
    async isRefused(name) {
      await page.locator('[aria-invalid="true"]:focus').waitFor();
      await hands.isAt('field', name);
    },
  };
  return hands;
}

/** Names of what one can operate, by kind. */
export type Names = Readonly<Partial<Record<Kind, readonly (string | RegExp)[]>>>;

/**
 * What a table of names lacks, and what is no longer there.
 *
 * @param mayLack - Kinds that need not be there.
 */
export function unlike(stops: readonly Stop[], names: Names, mayLack: readonly Kind[] = []): readonly string[] {
  const isNamed = ({ kind, name }: Stop) => (names[kind] ?? []).some((one) => fits(one, name));
  const unnamed = stops
    .filter((stop) => !isNamed(stop))
    .map(({ kind, name }) => `${kind} "${name}": the table lacks it`);
  const gone = Object.entries(names).flatMap(([kind, some]) =>
    (mayLack.includes(kind as Kind) ? [] : some)
      .filter((one) => !stops.some((stop) => stop.kind === kind && fits(one, stop.name)))
      .map((one) => `${kind} ${String(one)}: it is in the table only`),
  );
  return [...new Set([...unnamed, ...gone])];
}

export interface Walk {
  readonly stops: readonly Stop[];
  /** What is wrong with the stops, each as a line. */
  readonly faults: readonly string[];
}

/**
 * Go through the page, or the dialog that is open, from stop to stop, opening what can be opened and trying each field
 * that is no filter.
 */
export async function walk({ page, press, focused }: Hands): Promise<Walk> {
  const stops = new Map<number, Stop>();
  const faults: string[] = [];
  let before = -1;
  let ends = 0;
  for (let presses = 0; presses < mostStops; presses += 1) {
    const stop = await focused();
    // A field for times has several parts, at each of which Tab stops.
    if (stop.id !== before) {
      // From the last stop, Tab leads out of the page, and then to its first.
      if (stop.id === 0) ends += 1;
      if (stops.has(stop.id) || ends === 2) break;
      if (stop.id !== 0) {
        stops.set(stop.id, stop);
        if (stop.unseen !== '') faults.push(`${stop.kind} "${stop.name}": ${stop.unseen}`);
        faults.push(...(await tried(page, press, focused, stop)));
      }
    }
    before = stop.id;
    await press('Tab');
  }
  const all = await page.evaluate<readonly Stop[]>('keyboard.all()');
  const missed = all.filter(({ id, isDisabled }) => !stops.has(id) && !isDisabled);
  faults.push(...missed.map(({ kind, name }) => `${kind} "${name}": Tab does not reach it`));
  return { stops: all, faults };
}

async function tried(
  page: Page,
  press: Hands['press'],
  focused: Hands['focused'],
  stop: Stop,
): Promise<readonly string[]> {
  const changes = async (key: string, back: string) => {
    await press(key);
    const after = await focused();
    await press(back);
    return after.id === stop.id && (after.value !== stop.value || after.isOpen !== stop.isOpen);
  };
  const fault = [`${stop.kind} "${stop.name}": keys do not change it`];
  if (stop.kind === 'disclosure' && !stop.isOpen) {
    await press('Enter');
    return (await focused()).isOpen ? [] : fault;
  }
  if (stop.isFilter) return [];
  if (stop.kind === 'check') return (await changes('Space', 'Space')) ? [] : fault;
  if (stop.kind === 'choice') {
    const count = await page.evaluate<number>('document.activeElement.options.length');
    const isLast = await page.evaluate<boolean>(
      'document.activeElement.selectedIndex === document.activeElement.options.length - 1',
    );
    const [key, back] = isLast ? ['ArrowUp', 'ArrowDown'] : ['ArrowDown', 'ArrowUp'];
    return count < 2 || (await changes(key, back)) ? [] : fault;
  }
  if (stop.kind !== 'field') return [];
  const type = await page.evaluate<string>('document.activeElement.type');
  if (type === 'datetime-local') return [];
  await press('End');
  return (await changes('1', 'Backspace')) ? [] : fault;
}
